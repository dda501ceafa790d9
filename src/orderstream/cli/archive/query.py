"""`orders archive query`: query the archive in SQL."""

import sys
from contextlib import ExitStack
from typing import Annotated, Literal

import typer

from orderstream.archive.sql import EXAMPLE, run_query
from orderstream.archive.views import columns_of
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack, span_of
from orderstream.errors import InputError
from orderstream.output import console
from orderstream.output import sql as show

app = typer.Typer()

_HELP = f"""Query the archive in SQL (DuckDB's dialect): one SELECT over four views.

orders: each order once, without duplicates and conflicts. records: every record that arrived, once, whether
it is an order or not. Both have {", ".join(columns_of("orders"))}.

events: each event of an order once, with {", ".join(columns_of("events"))}.

quarantine: each quarantined record once, with {", ".join(columns_of("quarantine"))}.

--since and --until select by arrival: only those hours are downloaded, and cached in ~/.cache/orderstream.
Without them the query reads the whole archive. Amounts are exact. If an object is damaged, its name is
printed, the result contains what can be read of it, and the status is 1.
"""


@app.command(help=_HELP, epilog=f"Example: {EXAMPLE}")
def query(
    sql: Annotated[
        str | None, typer.Argument(metavar="SQL", help="One SELECT; - for standard input.")
    ] = None,
    since: options.Since = None,
    until: options.Until = None,
    form: Annotated[
        Literal["table", "csv", "parquet"] | None,
        typer.Option("--format", help="Default: a table, or by the name of --output."),
    ] = None,
    as_json: options.AsJson = False,
    output: options.OutputFile = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Clear the local cache of this bucket, and download again.")
    ] = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    text = sys.stdin.read() if sql == "-" else sql
    if not text or not text.strip():
        raise InputError("there is no SQL", hint=f"for example: {EXAMPLE}")
    if form and as_json:
        raise InputError("--format and --json cannot be used together", hint="--json selects JSON")
    chosen = show.format_of("json" if as_json else form, output)
    found = resolve_stack(stack, region, profile)
    span = span_of(found.cloud, since, until)
    with ExitStack() as held:
        with console.progress() as progress:
            running = run_query(found, text, span, refresh=refresh, progress=progress)
            answer = held.enter_context(running)
        show.print_result(answer, chosen, output)
    raise typer.Exit(1 if answer.synced.damaged else 0)
