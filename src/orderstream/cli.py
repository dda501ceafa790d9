"""The command line: one function a verb, no logic."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from orderstream import __version__, show
from orderstream.client import OrderProducer
from orderstream.errors import InputError, OrderstreamError
from orderstream.ops import query
from orderstream.ops.cloud import Cloud
from orderstream.ops.inputs import read_orders
from orderstream.ops.samples import samples
from orderstream.ops.send import Tally, send_lines
from orderstream.ops.send import simulate as send_at_rate
from orderstream.ops.stack import DEFAULT_STACK, Stack, find_stack
from orderstream.ops.times import moment

if TYPE_CHECKING:
    from orderstream.local.laptop import Laptop

# The verbs of the laptop cloud import its room when they run: the others need not wait for that.
USUAL_PORT = 4566

app = typer.Typer(
    help="Real-time order processing on AWS, the same on a laptop.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

StackName = Annotated[str, typer.Option("--stack", help="The deployed stack.", envvar="ORDERS_STACK")]
Region = Annotated[str | None, typer.Option(help="AWS region, if not the configured one.")]
Profile = Annotated[str | None, typer.Option(help="AWS profile, if not the configured one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def _find(stack: str, region: str | None, profile: str | None) -> tuple[Cloud, Stack]:
    cloud = Cloud(region=region, profile=profile)
    return cloud, find_stack(cloud, stack)


@app.command(epilog="Example: orders up --simulate 20")
def up(
    port: Annotated[int, typer.Option(help="Port of the laptop cloud.")] = USUAL_PORT,
    state_dir: Annotated[Path | None, typer.Option(help="Keep all data here and go on from it.")] = None,
    simulate: Annotated[float, typer.Option(help="Send so many sample orders a second.", min=0)] = 0,
) -> None:
    """Run the laptop cloud until Ctrl-C: AWS on one port, the stack deployed, orders processed."""
    from orderstream.local.laptop import Laptop
    from orderstream.local.running import ensure_port, noted, notes_dir, running_clouds

    notes = notes_dir()
    ensure_port(port, running_clouds(notes))
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        laptop = stack.enter_context(
            Laptop(port=port, state_dir=state_dir, progress=show.step, problem=show.problem)
        )
        stack.enter_context(noted(port, notes))
        if simulate:
            stack.enter_context(_background_traffic(laptop, simulate))
        show.ready(port, USUAL_PORT)
        while True:
            laptop.check()
            time.sleep(0.5)


@contextmanager
def _background_traffic(laptop: Laptop, rate: float) -> Iterator[None]:
    stop = threading.Event()
    traffic = samples(time.time_ns(), bad_share=0.02, duplicate_share=0.03)

    def send() -> None:
        with OrderProducer(laptop.stack.stream, laptop.cloud.kinesis_once) as producer:
            send_at_rate(producer, traffic, rate=rate, seconds=None, stop=stop, tally=Tally())

    thread = threading.Thread(target=send, name="simulate")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@app.command(epilog='Example: eval "$(orders env)"')
def env(
    port: Annotated[int | None, typer.Option(help="Which laptop cloud, if several run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the exports that make every AWS tool, and every verb here, speak to the laptop cloud."""
    from orderstream.local.laptop import laptop_environment
    from orderstream.local.running import choose, notes_dir, running_clouds

    cloud = choose(running_clouds(notes_dir()), port)
    show.exports(laptop_environment(cloud.endpoint_url), as_json=as_json)


@app.command(epilog="Example: orders demo --orders 5000")
def demo(
    orders: Annotated[int, typer.Option(help="How many records to send.", min=1)] = 3000,
    rate: Annotated[float, typer.Option(help="Records a second.", min=1)] = 500,
    tpch_scale: Annotated[
        float | None,
        typer.Option("--tpch", help="Send TPC-H's orders of this scale, all at once (0.01: 15,000)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start a laptop cloud, send orders through it, account for every one, and stop it.

    Ends with status 0 only if every record is accounted for as it should be.
    """
    from orderstream.local import demo as demonstration
    from orderstream.local.laptop import Laptop
    from orderstream.local.ministack import free_port
    from orderstream.ops import tpch

    with ExitStack() as stack:
        traffic = demonstration.sample_traffic(orders)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tpch-")))
        if tpch_scale is not None:
            tpch.generate(tpch_scale, folder)
            traffic, rate = tpch.traffic(folder), float("inf")
        # Any free port: nobody else speaks to this cloud, and another one may have the usual port.
        laptop = stack.enter_context(Laptop(port=free_port(), progress=show.step, problem=show.problem))
        with show.counting("accounting for every record") as progress:
            outcome = demonstration.run_demo(laptop, traffic, rate=rate, progress=progress)
        totals = None
        if tpch_scale is not None:
            totals = (tpch.generator_totals(folder), tpch.table_totals(laptop.cloud, laptop.stack))
    show.outcome(outcome, totals, as_json=as_json)
    if not outcome.agrees or (totals and totals[0] != totals[1]):
        raise OrderstreamError("the accounts do not agree", hint="please report the table above")


@app.command(epilog="""Example: orders send '{"customer_id": "12345", "amount": 250.00}'""")
def send(
    source: Annotated[
        str,
        typer.Argument(help="One order as JSON; a file of ndjson, JSON array or CSV; - for standard input."),
    ],
    unchecked: Annotated[
        bool,
        typer.Option("--unchecked", help="Send orders that break a rule too; they land in quarantine."),
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
    cloud, found = _find(stack, region, profile)
    with (
        OrderProducer(found.stream, cloud.kinesis_once) as producer,
        show.sending(as_json=as_json) as hears,
    ):
        on_receipt, on_fault, latest = hears
        tally = send_lines(producer, lines, check=not unchecked, on_receipt=on_receipt, on_fault=on_fault)
    show.tally(tally, *latest)
    raise typer.Exit(1 if tally.failed else 0)


@app.command(epilog="Example: orders simulate --rate 50 --duration 60 --bad-share 0.02")
def simulate(
    rate: Annotated[float, typer.Option(help="Orders a second.", min=0.01)] = 10,
    duration: Annotated[float | None, typer.Option(help="Seconds; without it until Ctrl-C.", min=0)] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed sends the same orders.")] = None,
    bad_share: Annotated[float, typer.Option(help="Share of bad records.", min=0, max=1)] = 0,
    duplicate_share: Annotated[float, typer.Option(help="Share sent twice.", min=0, max=1)] = 0,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Send sample orders at a steady rate, until the duration is over or Ctrl-C."""
    if bad_share + duplicate_share > 1:
        raise InputError("--bad-share and --duplicate-share add up to more than 1")
    cloud, found = _find(stack, region, profile)
    traffic = samples(
        time.time_ns() if seed is None else seed, bad_share=bad_share, duplicate_share=duplicate_share
    )
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    tally = Tally()
    with (
        OrderProducer(found.stream, cloud.kinesis_once) as producer,
        show.simulating(tally, duration),
    ):
        send_at_rate(producer, traffic, rate=rate, seconds=duration, stop=stop, tally=tally)
    show.tally(tally)
    raise typer.Exit(1 if tally.failed else 0)


@app.command(epilog="Example: orders get 9f86d081884c7d65")
def get(
    order_id: str,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Show one order as it lies in the table. Ends with status 1 if there is none."""
    show.order(query.get_order(*_find(stack, region, profile), order_id), as_json=as_json)


@app.command("list", epilog="Example: orders list --customer 12345 --since 2h")
def list_(
    customer: Annotated[str, typer.Option(help="Whose orders.")],
    since: Annotated[str | None, typer.Option(help="RFC 3339, a date, or a span back from now: 2h.")] = None,
    until: Annotated[str | None, typer.Option(help="The same; orders of this moment are left out.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 50,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """List a customer's orders, newest first. With --json one object a line."""
    now = datetime.now(UTC)
    orders = query.list_orders(
        *_find(stack, region, profile),
        customer,
        since=moment(since, now) if since else None,
        until=moment(until, now) if until else None,
        limit=limit,
    )
    show.orders(orders, as_json=as_json)


@app.command(epilog="Example: orders raw 9f86d081884c7d65 | jq .")
def raw(
    order_id: str,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Print the exact bytes of an order, as they were sent."""
    sys.stdout.buffer.write(query.raw_order(*_find(stack, region, profile), order_id))


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    pass


def main() -> NoReturn:
    """Run a verb. An error is one line and a hint; the status says what kind it is (see errors.py)."""
    # A polite kill is taken as Ctrl-C is: everything that was started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except OrderstreamError as error:
        show.error(error)
        sys.exit(error.exit_code)
    sys.exit(0)
