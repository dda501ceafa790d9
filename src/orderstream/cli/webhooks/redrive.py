"""`orders webhooks redrive`: send again what an endpoint did not accept."""

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import find_to_change
from orderstream.output import console
from orderstream.output import webhooks as show
from orderstream.webhooks.admin import WebhookAdmin

app = typer.Typer()


@app.command(epilog="Example: orders webhooks redrive wh-0123456789ab --order A-1001")
def redrive(
    webhook_id: options.WebhookId,
    order: Annotated[str | None, options.ORDER] = None,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Send dead letters again, and now what waits for a retry.

    Switches the endpoint on if it was switched off.
    """
    found, _ = find_to_change(stack, region, profile)
    with console.progress() as progress:
        redriven = WebhookAdmin(found).redrive(webhook_id, order, progress)
    show.print_redriven(webhook_id, redriven, as_json=as_json)
