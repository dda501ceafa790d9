"""`orders stack simulate`: send sample orders at a steady rate."""

import signal
import threading
import time
from decimal import Decimal
from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import confirm_on_aws, find_to_change
from orderstream.client import OrderProducer
from orderstream.errors import InputError
from orderstream.ingest.samples import samples
from orderstream.ingest.send import SendStats
from orderstream.ingest.send import simulate as send_at_rate
from orderstream.output import console
from orderstream.output import orders as show

app = typer.Typer()


@app.command(epilog="Example: orders stack simulate --rate 50 --duration 60 --bad-share 0.02")
def simulate(
    rate: Annotated[Decimal, options.RATE] = Decimal(10),
    duration: Annotated[float | None, typer.Option(help="Seconds. Default: until Ctrl-C.", min=0)] = None,
    seed: options.Seed = None,
    bad_share: Annotated[float, typer.Option(help="Share of invalid records.", min=0, max=1)] = 0,
    duplicate_share: Annotated[float, typer.Option(help="Share of duplicates.", min=0, max=1)] = 0,
    lives: Annotated[
        bool, typer.Option("--lives", help="Follow each order with the events of its life.")
    ] = False,
    yes: options.Yes = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Send sample orders at a steady rate, until the duration is over or Ctrl-C.

    With --lives, events by the transitions of the order model follow each order: most are paid and delivered,
    some are cancelled, amended or refunded, and some events arrive late or before their order. The rate is
    that of all records.

    On AWS it asks for confirmation if it runs in a terminal.
    """
    if bad_share + duplicate_share > 1:
        raise InputError("--bad-share and --duplicate-share add up to more than 1")
    found, location = find_to_change(stack, region, profile)
    confirm_on_aws(location, "Send sample orders to", doing="sending sample orders", yes=yes)
    traffic = samples(
        time.time_ns() if seed is None else seed,
        bad_share=bad_share,
        duplicate_share=duplicate_share,
        lives=lives,
    )
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    tally = SendStats()
    console.step("sending until Ctrl-C" if duration is None else f"sending for {duration:g} s")
    with (
        OrderProducer(found.stream, found.cloud.kinesis_no_retry) as producer,
        console.progress() as progress,
    ):
        send_at_rate(
            producer,
            traffic,
            rate=float(rate),
            seconds=duration,
            stop=stop,
            tally=tally,
            progress=progress,
        )
    show.print_send_stats(tally)
    raise typer.Exit(1 if tally.failed else 0)
