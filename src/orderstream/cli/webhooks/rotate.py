"""`orders webhooks rotate`: give an endpoint a new secret."""

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import find_to_change
from orderstream.output import webhooks as show
from orderstream.webhooks.admin import WebhookAdmin

app = typer.Typer()


@app.command(epilog="Example: orders webhooks rotate wh-0123456789ab")
def rotate(
    webhook_id: options.WebhookId,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Give an endpoint a new secret, and print it.

    For 24 hours each request has a signature with the new secret and one with the old.
    """
    found, _ = find_to_change(stack, region, profile)
    show.print_secret(WebhookAdmin(found).rotate(webhook_id, again=yes), as_json=as_json)
