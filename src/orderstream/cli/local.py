"""Commands for the local cloud: up, env, demo."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli.options import LAST_PORT, AsJson
from orderstream.client import OrderProducer
from orderstream.errors import InputError, OrderstreamError
from orderstream.files.folders import ensure_writable
from orderstream.files.scratch import ScratchFolder
from orderstream.ingest.samples import samples
from orderstream.ingest.send import SendStats
from orderstream.ingest.send import simulate as send_at_rate
from orderstream.output import console
from orderstream.output import local_cloud as show

if TYPE_CHECKING:
    from orderstream.local.cloud import LocalCloud

# Imported when the commands run, so that the others start faster.
USUAL_PORT = 4566
# Where the live page lies, beside the paths of the HTTP API.
PAGE = "/live"


STATE_DIR_HELP = (
    "Keep all data in this folder and go on from it. A kill loses no acknowledged record, and of everything"
    " else only what changed since the last save, a few seconds before."
)

commands = typer.Typer()


@commands.command(epilog="Example: orders up --simulate 20")
def up(
    port: Annotated[int, typer.Option(help="Port of the local cloud.", max=LAST_PORT)] = USUAL_PORT,
    http_port: Annotated[
        int | None,
        typer.Option(
            help="Port of the HTTP API and the dashboard.",
            show_default="the one after --port",
            min=1,
            max=LAST_PORT,
        ),
    ] = None,
    state_dir: Annotated[Path | None, typer.Option(help=STATE_DIR_HELP)] = None,
    simulate: Annotated[float, typer.Option(help="Send this many sample orders a second.", min=0)] = 0,
    empty: Annotated[bool, typer.Option("--empty", help="Do not deploy a stack.")] = False,
) -> None:
    """Run the local cloud until Ctrl-C: AWS on one port, the HTTP API and the dashboard on another.

    It follows `orders deploy` and `orders destroy` at once.
    """
    from orderstream.api.app import make_app
    from orderstream.api.server import Server
    from orderstream.dashboard.app import add_page
    from orderstream.local.cloud import LocalCloud
    from orderstream.local.current_services import CurrentServices
    from orderstream.local.ministack import this_or_free_port
    from orderstream.local.registry import (
        ensure_http_port,
        ensure_port,
        registered,
        registry_dir,
        running_instances,
    )

    if simulate and empty:
        raise InputError("--empty has no stream to send to", hint="orders simulate sends to it later")
    notes = registry_dir()
    ensure_writable(notes, hint="XDG_STATE_HOME names another folder for it")
    ensure_port(port, running_instances(notes))
    if http_port is not None:
        ensure_http_port(http_port, port)
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        local = LocalCloud(
            port=port,
            state_dir=state_dir,
            empty=empty,
            progress=console.step,
            problem=console.problem,
            changed=lambda found: services.change(found),
        )
        services = CurrentServices()
        stack.enter_context(local)
        http_port = http_port or this_or_free_port(port + 1)
        app = make_app(services)
        add_page(app, local.cloud, DEFAULT_STACK, PAGE)
        api = stack.enter_context(Server(app, http_port))
        stack.enter_context(registered(port, http_port, local.token, notes))
        if simulate:
            stack.enter_context(_background_traffic(local, simulate))
        show.print_ready(port, USUAL_PORT, api.url, PAGE, empty=empty)
        while True:
            local.check()
            time.sleep(0.5)


@contextmanager
def _background_traffic(local: LocalCloud, rate: float) -> Iterator[None]:
    stop = threading.Event()
    traffic = samples(time.time_ns(), bad_share=0.02, duplicate_share=0.03)

    def send() -> None:
        # Nobody waits for these: when the local cloud dies, they are not to keep it from saying so.
        stream, kinesis = local.deployment.stream, local.cloud.kinesis_no_retry
        with OrderProducer(stream, kinesis, give_up_after_seconds=2) as producer:
            send_at_rate(producer, traffic, rate=rate, seconds=None, stop=stop, tally=SendStats())

    thread = threading.Thread(target=send, name="simulate")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@commands.command(epilog='Example: eval "$(orders env)"')
def env(
    port: Annotated[int | None, typer.Option(help="The port of the local cloud, if several run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the exports that make every AWS tool, and every command here, use the local cloud."""
    from orderstream.local.cloud import local_environment
    from orderstream.local.registry import choose, registry_dir, running_instances

    cloud = choose(running_instances(registry_dir()), port)
    environment = local_environment(cloud.endpoint_url, cloud.token) | {"ORDERS_API_URL": cloud.api_url}
    show.print_exports(environment, as_json=as_json)


@commands.command(epilog="Example: orders demo --orders 5000")
def demo(
    orders: Annotated[int, typer.Option(help="How many records to send.", min=1)] = 3000,
    rate: Annotated[float, typer.Option(help="Records a second.", min=1)] = 500,
    tpch_scale: Annotated[
        float | None,
        typer.Option("--tpch", help="Send the orders of TPC-H at this scale, all at once (0.01: 15,000)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start a local cloud, send orders through it, account for every one, and stop it.

    Ends with status 0 only if every record has the expected outcome.
    """
    from orderstream.ingest import tpch
    from orderstream.local import demo as demonstration
    from orderstream.local.cloud import LocalCloud
    from orderstream.local.ministack import free_port

    with ExitStack() as stack:
        traffic = demonstration.sample_traffic(orders)
        folder = Path(stack.enter_context(ScratchFolder("tpch")))
        totals = None
        with console.steps() as tell:
            if tpch_scale is not None:
                tell("generating TPC-H's orders")
                tpch.generate(tpch_scale, folder)
                traffic, rate = tpch.traffic(folder), float("inf")
            # Any free port: nobody else speaks to this cloud, and another one may have the usual port.
            local = LocalCloud(port=free_port(), progress=tell, problem=console.problem)
            local = stack.enter_context(local)
        with console.reading() as progress:
            outcome = demonstration.run_demo(
                local,
                traffic,
                rate=rate,
                sending=lambda archived, sent: progress("records archived", archived, sent),
                accounting=progress,
            )
            if tpch_scale is not None:
                theirs = tpch.generator_totals(folder)
                totals = (theirs, tpch.table_totals(local.deployment, progress))
        with console.steps() as tell:
            tell("stopping the local cloud")
            stack.close()
    show.print_demo(outcome, totals, as_json=as_json)
    if not outcome.agrees or (totals and totals[0] != totals[1]):
        raise OrderstreamError("the accounts do not agree", hint="please report the table above")
