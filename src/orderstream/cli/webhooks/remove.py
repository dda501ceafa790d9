"""`orders webhooks remove`: remove an endpoint."""

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import confirm_on_aws, find_to_change
from orderstream.output import console
from orderstream.output import webhooks as show
from orderstream.webhooks.admin import WebhookAdmin

app = typer.Typer()


@app.command(epilog="Example: orders webhooks remove wh-0123456789ab")
def remove(
    webhook_id: options.WebhookId,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Remove an endpoint, its secret, and everything that waits for it."""
    found, location = find_to_change(stack, region, profile)
    admin = WebhookAdmin(found)
    url = admin.find(webhook_id).url
    confirm_on_aws(location, f"Remove {url}, and what waits for it, in", doing="removing", yes=yes)
    with console.progress() as progress:
        removed = admin.remove(webhook_id, progress)
    show.print_removed(webhook_id, removed, as_json=as_json)
