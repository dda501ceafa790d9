"""The command line: one function a verb, no logic."""

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
    audit,
    dashboard,
    deploy,
    failures,
    local,
    orders,
    plan,
    policy,
    quarantine,
    sql,
    status,
)
from orderstream.errors import OrderstreamError
from orderstream.output import console

app = typer.Typer(
    help="Real-time order processing on AWS, the same on a laptop.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(local.verbs)
app.add_typer(deploy.verbs)
app.add_typer(accept.verbs)
app.add_typer(orders.verbs)
app.add_typer(status.verbs)
app.add_typer(dashboard.verbs)
app.add_typer(audit.verbs)
app.add_typer(archive.verbs)
app.add_typer(plan.verbs)
app.add_typer(archive.archive_verbs, name="archive")
app.add_typer(sql.verbs)
app.add_typer(quarantine.verbs, name="quarantine")
app.add_typer(failures.verbs, name="failures")
app.add_typer(policy.verbs, name="policy")


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
    """Run the verb of `arguments` (by default the process has them), and exit with its status.

    An error is one line and a hint; the status says what kind it is (see errors.py).
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
