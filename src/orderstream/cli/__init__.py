"""The command line: one function per command, no logic."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from orderstream import __version__
from orderstream.cli import (
    accept,
    archive,
    dashboard,
    dead_letters,
    deploy,
    local,
    orders,
    plan,
    policy,
    quarantine,
    query,
    reconciliation,
    status,
)
from orderstream.errors import OrderstreamError
from orderstream.output import console

app = typer.Typer(
    help="Real-time order processing on AWS and on a local cloud.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(local.commands)
app.add_typer(deploy.commands)
app.add_typer(accept.commands)
app.add_typer(orders.commands)
app.add_typer(status.commands)
app.add_typer(dashboard.commands)
app.add_typer(reconciliation.commands)
app.add_typer(archive.commands)
app.add_typer(plan.commands)
app.add_typer(archive.archive_commands, name="archive")
app.add_typer(query.commands)
app.add_typer(quarantine.commands, name="quarantine")
app.add_typer(dead_letters.commands, name="dead-letters")
app.add_typer(policy.commands, name="policy")


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command in `arguments` (default: those of the process), and exit with its status.

    An error is printed as one line and a hint. The exit status depends on its kind; see errors.py.
    """
    # A polite kill is taken as Ctrl-C is: everything that was started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.basicConfig(handlers=[console.LogHandler()])
    try:
        app(arguments)
    except OrderstreamError as error:
        console.error(error)
        sys.exit(error.exit_code)
    sys.exit(0)
