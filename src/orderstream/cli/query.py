"""The command for SQL queries: query."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from orderstream.archive.sql import EXAMPLE, run_query
from orderstream.archive.views import columns_of
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli.options import Profile, Region, Since, StackName, Until, resolve_stack, span_of
from orderstream.errors import InputError
from orderstream.output import console
from orderstream.output import sql as show
from orderstream.output.sql import Format

commands = typer.Typer()

_HELP = f"""Query the archive in SQL (DuckDB's dialect): one SELECT over three views.

orders: each order once, without what came again and without conflicts. records: every record that arrived
once, orders or not. Both have {", ".join(columns_of("orders"))}.

quarantine: each quarantined record once, with {", ".join(columns_of("quarantine"))}.

--since and --until are by arrival: only those hours are fetched, and kept in ~/.cache/orderstream for the
next time. Without them it is the whole archive. Amounts are exact. A damaged object is named, what can be
read of it is in the answer, and the status is 1.
"""


@commands.command(help=_HELP, epilog=f"Example: {EXAMPLE}")
def query(
    sql: Annotated[str | None, typer.Argument(help="One SELECT; - for standard input.")] = None,
    since: Since = None,
    until: Until = None,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="json is one object per line. Default: a table, or by FILE's name.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to this file.", dir_okay=False)
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Clear this bucket's local cache and download it again.")
    ] = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    text = sys.stdin.read() if sql == "-" else sql
    if not text or not text.strip():
        raise InputError("there is no SQL", hint=f"for example: {EXAMPLE}")
    chosen = show.format_of(form, output)
    found = resolve_stack(stack, region, profile)
    span = span_of(found.cloud, since, until)
    with ExitStack() as held:
        with console.counting("objects fetched") as count:
            question = run_query(found, text, span, refresh=refresh, progress=count)
            answer = held.enter_context(question)
        show.print_result(answer, chosen, output)
    raise typer.Exit(1 if answer.synced.damaged else 0)
