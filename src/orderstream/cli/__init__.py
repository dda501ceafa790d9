"""The command line: one module per command, no logic."""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Annotated, NoReturn

import typer

from orderstream import __version__
from orderstream.cli import (
    adopt,
    archive,
    changes,
    completion,
    dead_letters,
    demo,
    deploy,
    destroy,
    docs,
    doctor,
    environment,
    event,
    get,
    history,
    init,
    logs,
    model,
    plan,
    quarantine,
    send,
    stack,
    status,
    totals,
    trace,
    up,
    waiting,
    webhooks,
)
from orderstream.cli import list as list_
from orderstream.errors import OrderstreamError
from orderstream.output import console

app = typer.Typer(
    help="Real-time order processing on AWS and on a local cloud.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
# By what one wants to do, as `orders --help` has them.
PANELS: dict[str, tuple[ModuleType, ...]] = {
    "Start": (init, up, demo, doctor, docs, completion),
    "Orders": (send, event, get, list_, history, waiting, trace),
    "Deploy": (plan, deploy, adopt, destroy),
    "Operate": (status, totals, logs),
}
for panel, commands in PANELS.items():
    for command in commands:
        for registered in command.app.registered_commands:
            registered.rich_help_panel = panel
        app.add_typer(command.app)
for group in (model, archive, changes, webhooks, quarantine, dead_letters, stack):
    app.add_typer(group.app, rich_help_panel="Groups")


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    try:
        environment.start()
    except OrderstreamError:
        # That command says so, among the rest.
        if context.invoked_subcommand != "doctor":
            raise


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command in `arguments` (default: those of the process), and exit with its status.

    An error is printed as one line and a hint. The exit status depends on its kind; see errors.py.
    """
    # SIGTERM is handled like Ctrl-C: everything that was started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.basicConfig(handlers=[console.LogHandler()])
    if completion.VARIABLE in os.environ:
        completion.answer()
    try:
        app(arguments, prog_name=completion.PROGRAM)
    except OrderstreamError as error:
        console.error(error)
        sys.exit(error.exit_code)
    sys.exit(0)
