"""Commands for orders: send, simulate, get, list, raw."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli.options import (
    AsJson,
    Profile,
    Region,
    Since,
    StackName,
    Until,
    Yes,
    confirm_on_aws,
    find_to_change,
    resolve_stack,
    span_of,
)
from orderstream.client import OrderProducer
from orderstream.errors import InputError
from orderstream.ingest.order_reader import read_orders
from orderstream.ingest.samples import samples
from orderstream.ingest.send import SendStats, send_lines
from orderstream.ingest.send import simulate as send_at_rate
from orderstream.output import orders as show
from orderstream.storage import orders

commands = typer.Typer()


@commands.command(epilog="""Example: orders send '{"customer_id": "12345", "amount": 250.00}'""")
def send(
    source: Annotated[
        str,
        typer.Argument(help="One order as JSON; a file of ndjson, JSON array or CSV; - for standard input."),
    ],
    unchecked: Annotated[
        bool,
        typer.Option("--unchecked", help="Send invalid orders too; they are quarantined."),
    ] = False,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Send orders. A bad one is reported with its line number; the others are sent.

    Ends with status 1 if any order was not sent.
    """
    lines = read_orders(source, sys.stdin.buffer)
    found = resolve_stack(stack, region, profile)
    with (
        OrderProducer(found.stream, found.cloud.kinesis_no_retry) as producer,
        show.print_sending(as_json=as_json) as hears,
    ):
        on_receipt, on_fault, latest = hears
        tally = send_lines(producer, lines, check=not unchecked, on_receipt=on_receipt, on_fault=on_fault)
    show.print_send_stats(tally, *latest)
    raise typer.Exit(1 if tally.failed else 0)


@commands.command(epilog="Example: orders simulate --rate 50 --duration 60 --bad-share 0.02")
def simulate(
    rate: Annotated[float, typer.Option(help="Orders a second.", min=0.01)] = 10,
    duration: Annotated[float | None, typer.Option(help="Seconds. Default: until Ctrl-C.", min=0)] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed sends the same orders.")] = None,
    bad_share: Annotated[float, typer.Option(help="Share of bad records.", min=0, max=1)] = 0,
    duplicate_share: Annotated[float, typer.Option(help="Share sent twice.", min=0, max=1)] = 0,
    yes: Yes = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Send sample orders at a steady rate, until the duration is over or Ctrl-C.

    On AWS it asks for confirmation if it runs in a terminal.
    """
    if bad_share + duplicate_share > 1:
        raise InputError("--bad-share and --duplicate-share add up to more than 1")
    found, location = find_to_change(stack, region, profile)
    confirm_on_aws(location, "Send sample orders to", doing="sending sample orders", yes=yes)
    traffic = samples(
        time.time_ns() if seed is None else seed, bad_share=bad_share, duplicate_share=duplicate_share
    )
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    tally = SendStats()
    with (
        OrderProducer(found.stream, found.cloud.kinesis_no_retry) as producer,
        show.show_simulation(tally, duration),
    ):
        send_at_rate(producer, traffic, rate=rate, seconds=duration, stop=stop, tally=tally)
    show.print_send_stats(tally)
    raise typer.Exit(1 if tally.failed else 0)


@commands.command(epilog="Example: orders get 9f86d081884c7d65")
def get(
    order_id: str,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Print the item of an order. Ends with status 1 if there is none."""
    show.print_order(orders.get_order(resolve_stack(stack, region, profile), order_id), as_json=as_json)


@commands.command("list", epilog="Example: orders list --customer 12345 --since 2h")
def list_(
    customer: Annotated[str, typer.Option(help="The customer id.")],
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(help="At most this many.", min=1)] = 50,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """List a customer's orders, newest first."""
    found = resolve_stack(stack, region, profile)
    span = span_of(found.cloud, since, until)
    found_orders = orders.list_orders(found, customer, since=span.since, until=span.until, limit=limit)
    show.print_orders(found_orders, as_json=as_json)


@commands.command(epilog="Example: orders raw 9f86d081884c7d65 | jq .")
def raw(
    order_id: str,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Print the exact bytes of an order, as they were sent: to a file or a pipe.

    In a terminal they are printed as text, without control characters.
    """
    data = orders.raw_order(resolve_stack(stack, region, profile), order_id)
    show.print_raw(data, exact=f"orders raw {order_id} > FILE")
