"""`orders webhooks test`: send a test event to an endpoint."""

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack
from orderstream.output import webhooks as show
from orderstream.webhooks.admin import WebhookAdmin

app = typer.Typer()


@app.command(epilog="Example: orders webhooks test wh-0123456789ab")
def test(
    webhook_id: options.WebhookId,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Let the deployed function send a signed test event now, and print the answer.

    The event has the type orderstream.webhook.test. Ends with status 1 if the answer is not 2xx.
    """
    found = resolve_stack(stack, region, profile)
    result = WebhookAdmin(found).test(webhook_id)
    show.print_test(result, as_json=as_json)
    raise typer.Exit(1 if result.error else 0)
