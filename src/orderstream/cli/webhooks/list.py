"""`orders webhooks list`: list the registered endpoints."""

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack
from orderstream.output import webhooks as show
from orderstream.webhooks.admin import WebhookAdmin

app = typer.Typer()


@app.command("list", epilog="Example: orders webhooks list")
def list_(
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """List the endpoints: whether they are on, what waits for them, and for how long."""
    found = resolve_stack(stack, region, profile)
    show.print_webhooks(WebhookAdmin(found).listed(), found.cloud.now(), as_json=as_json)
