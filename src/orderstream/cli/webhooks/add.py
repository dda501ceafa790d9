"""`orders webhooks add`: register an endpoint."""

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import find_to_change
from orderstream.ingest.events import event_names_of_model
from orderstream.output import webhooks as show
from orderstream.webhooks.admin import WebhookAdmin

app = typer.Typer()


@app.command(epilog="Example: orders webhooks add https://shop.example/hooks --types paid,cancelled")
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to send to: https://HOST/PATH.")],
    types: Annotated[
        str,
        typer.Option(
            metavar="EVENTS",
            help="Only these events, separated by commas: placed, paid. Default: all.",
            autocompletion=event_names_of_model,
        ),
    ] = "",
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Register an endpoint, which gets the changes of orders from now on.

    Prints the secret that signs for it. It is not shown again. The erasure of an order is sent whatever the
    events are.
    """
    found, _ = find_to_change(stack, region, profile)
    wanted = [one.strip() for one in types.split(",") if one.strip()]
    show.print_secret(WebhookAdmin(found).add(url, wanted), as_json=as_json)
