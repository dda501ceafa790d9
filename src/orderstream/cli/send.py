"""`orders send`: send orders."""

import sys
from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack
from orderstream.client import OrderProducer
from orderstream.ingest.order_reader import read_orders
from orderstream.ingest.send import send_lines
from orderstream.output import orders as show

AGGREGATE_SECONDS = 0.1

app = typer.Typer()


@app.command(epilog="""Example: orders send '{"customer_id": "12345", "amount": 250.00}'""")
def send(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="One order as JSON; a file of ndjson, JSON array or CSV; - for standard input.",
        ),
    ],
    unchecked: Annotated[
        bool,
        typer.Option("--unchecked", help="Send invalid orders too; they are quarantined."),
    ] = False,
    aggregate: Annotated[
        bool,
        typer.Option("--aggregate", help="Send many orders as one record of Kinesis, which is cheaper."),
    ] = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Send orders.

    An invalid order is reported with its line number; the others are sent. Ends with status 1 if any order
    was not sent.
    """
    lines = read_orders(source, sys.stdin.buffer)
    found = resolve_stack(stack, region, profile)
    seconds = AGGREGATE_SECONDS if aggregate else 0
    with (
        OrderProducer(found.stream, found.cloud.kinesis_no_retry, aggregate_seconds=seconds) as producer,
        show.print_sending(as_json=as_json) as hears,
    ):
        on_receipt, on_fault, latest = hears
        tally = send_lines(producer, lines, check=not unchecked, on_receipt=on_receipt, on_fault=on_fault)
    show.print_send_stats(tally, *latest)
    raise typer.Exit(1 if tally.failed else 0)
