"""`orders stack dashboard`: serve the dashboard of a stack."""

import time
from contextlib import suppress

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import cloud_of
from orderstream.output import local_cloud as show

USUAL_PORT = 4568

app = typer.Typer()


@app.command(epilog="Example: orders stack dashboard --profile production --region eu-central-1")
def dashboard(
    http_port: options.HttpPort = None,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Serve the dashboard of a stack until Ctrl-C: figures, alarms, orders, quarantine.

    The stack is in the local cloud or on AWS, and is read with your own credentials. Only this machine can
    open the page, and the dashboard of a stack on AWS opens only at the address that is printed. AWS is
    polled only while the page is open. The port is 4568 by default, if it is free.
    """
    from fastapi import FastAPI

    from orderstream.api.server import Server
    from orderstream.dashboard.app import add_page
    from orderstream.local.ministack import this_or_free_port

    web = FastAPI(openapi_url=None)
    path = add_page(web, cloud_of(region, profile), stack)
    with suppress(KeyboardInterrupt), Server(web, http_port or this_or_free_port(USUAL_PORT)) as server:
        show.print_dashboard_url(server.url + path)
        while True:
            time.sleep(0.5)
