"""The command line: one module per command, no logic."""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from orderstream import __version__
from orderstream.cli.lazy_group import lazy_group
from orderstream.errors import OrderstreamError

PROGRAM = "orders"
# The script of `orders completion` sets it when it calls the program for completions.
COMPLETION = "_ORDERS_COMPLETE"

app = lazy_group(
    __name__,
    # By what one wants to do.
    {
        "Start": {
            "init": "Make a project for your own orders.",
            "up": "Run the local cloud until Ctrl-C.",
            "demo": "Send orders through a local cloud, and account for each one.",
            "doctor": "Check this machine, the project, and the cloud with its quotas and permissions.",
            "docs": "Print a guide, or without a topic the list of all.",
            "completion": "Print the script that completes commands, options and values in a shell.",
        },
        "Orders": {
            "send": "Send orders.",
            "event": "Send an event of an order.",
            "get": "Print an order.",
            "list": "List the orders of a customer, with a value in another indexed field, or in a status,"
            " newest first.",
            "history": "Print the events of an order, and what each does.",
            "waiting": "List events that wait for their order, and orders of which an event is missing.",
            "trace": "Trace an order from its origin to its current state.",
        },
        "Deploy": {
            "plan": "Plan capacity and cost for expected traffic.",
            "deploy": "Deploy a stack to AWS or the local cloud.",
            "adopt": "Move the orders of a pipeline that was made by hand into a stack, and compare both.",
            "destroy": "Remove a stack; the table and the buckets stay.",
        },
        "Operate": {
            "status": "Print rates, backlog, shards, latency and alarms of a stack.",
            "totals": "Print how many orders arrived, and what they amount to, by currency.",
            "logs": "Print the log of a function.",
        },
        "Groups": {
            "model": "Describe, check and compare the order model of a project.",
            "archive": "Query, replay, erase, seal, compact and audit the archive.",
            "changes": "Follow the changes of orders, and announce them again.",
            "webhooks": "Send the changes of orders to HTTP endpoints.",
            "quarantine": "List, edit and resubmit invalid records and conflicts.",
            "dead-letters": "List and redrive batches that Lambda discarded.",
            "stack": "Connect to a stack, watch, verify and test it.",
        },
    },
    help="Real-time order processing on AWS and on a local cloud.",
)


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
    from orderstream.cli import environment
    from orderstream.output import console

    logging.basicConfig(handlers=[console.LogHandler()])
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
    # botocore imports it wherever the SAM CLI has brought it, for a class that is urllib3's own. That takes a
    # tenth of the time of a command.
    sys.modules.setdefault("urllib3.contrib.pyopenssl", None)  # type: ignore[arg-type]
    if COMPLETION in os.environ:
        from orderstream.cli import completion

        completion.answer()
    try:
        app(arguments, prog_name=PROGRAM)
    except OrderstreamError as error:
        from orderstream.output import console

        console.error(error)
        sys.exit(error.exit_code)
    sys.exit(0)
