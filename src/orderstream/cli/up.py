"""`orders up`: run the local cloud."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import environment, options
from orderstream.client import OrderProducer
from orderstream.errors import InputError
from orderstream.files.folders import ensure_writable
from orderstream.ingest.samples import samples
from orderstream.ingest.send import SendStats
from orderstream.ingest.send import simulate as send_at_rate
from orderstream.output import console
from orderstream.output import local_cloud as show

if TYPE_CHECKING:
    from orderstream.local.cloud import LocalCloud

# `local`, `api` and `dashboard` are imported when the command runs, so that the others start faster.
USUAL_PORT = 4566

app = typer.Typer()


@app.command(epilog="Example: orders up --simulate 20")
def up(
    port: Annotated[int, options.PORT] = USUAL_PORT,
    http_port: options.HttpPort = None,
    state_dir: Annotated[Path | None, typer.Option(help="Folder in which all data is kept.")] = None,
    simulate: Annotated[float, typer.Option(help="Send this many sample orders a second.", min=0)] = 0,
    empty: Annotated[bool, typer.Option("--empty", help="Do not deploy a stack.")] = False,
) -> None:
    """Run the local cloud until Ctrl-C.

    It serves AWS on --port, and the HTTP API and the dashboard on --http-port: by default the next port, if
    it is free. It follows `orders deploy` and `orders destroy` at once. With --state-dir, it continues from
    the data of the last run. Then a kill loses no acknowledged record, and of everything else only what
    changed since the last save, a few seconds before.
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
        raise InputError(
            "with --empty there is no stream to send to", hint="deploy a stack, then: orders stack simulate"
        )
    notes = registry_dir()
    ensure_writable(notes, hint="set XDG_STATE_HOME to another folder")
    ensure_port(port, running_instances(notes))
    if http_port is not None:
        ensure_http_port(http_port, port)
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        local = LocalCloud(
            port=port,
            state_dir=state_dir,
            empty=empty,
            parameters=environment.parameters(),
            progress=console.step,
            problem=console.problem,
            changed=lambda found: services.change(found),
        )
        services = CurrentServices()
        stack.enter_context(local)
        http_port = http_port or this_or_free_port(port + 1)
        web = make_app(services)
        page = add_page(web, local.cloud, DEFAULT_STACK)
        api = stack.enter_context(Server(web, http_port))
        stack.enter_context(registered(port, http_port, local.token, notes))
        if simulate:
            stack.enter_context(_background_traffic(local, simulate))
        show.print_ready(port, USUAL_PORT, api.url, page, empty=empty)
        while True:
            local.check()
            time.sleep(0.5)


@contextmanager
def _background_traffic(local: LocalCloud, rate: float) -> Iterator[None]:
    stop = threading.Event()
    traffic = samples(time.time_ns(), bad_share=0.02, duplicate_share=0.03)

    def send() -> None:
        # Nobody waits for these orders: if the local cloud fails, they must not delay its error message.
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
