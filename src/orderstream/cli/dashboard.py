"""The command for the dashboard."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli.options import LAST_PORT, Profile, Region, StackName, cloud_of
from orderstream.output import local_cloud as show

USUAL_PORT = 4568

commands = typer.Typer()


@commands.command(epilog="Example: orders dashboard --profile shop --region eu-central-1")
def dashboard(
    port: Annotated[
        int | None,
        typer.Option(help="Local port.", show_default=f"{USUAL_PORT}, or any free one", min=1, max=LAST_PORT),
    ] = None,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Serve the dashboard of a stack until Ctrl-C: figures, alarms, orders, quarantine.

    The stack is in the local cloud or on AWS, read with your own credentials. Only this machine can open
    the page, and for a stack on AWS only with the address that is printed. AWS is polled only while the
    page is open.
    """
    from fastapi import FastAPI

    from orderstream.api.server import Server
    from orderstream.dashboard.app import add_page
    from orderstream.local.ministack import this_or_free_port

    app = FastAPI(openapi_url=None)
    path = add_page(app, cloud_of(region, profile), stack)
    port = port or this_or_free_port(USUAL_PORT)
    with suppress(KeyboardInterrupt), Server(app, port) as server:
        show.print_dashboard_url(server.url + path)
        while True:
            time.sleep(0.5)
