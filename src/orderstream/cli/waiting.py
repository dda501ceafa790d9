"""`orders waiting`: list the orders that have not arrived, but events of them, or that miss an event."""

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack
from orderstream.output import history as show
from orderstream.storage.order_events import waiting as waiting_orders

app = typer.Typer()


@app.command(epilog="Example: orders waiting")
def waiting(
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """List what waits: events whose order has not arrived, and orders that miss the event with a number.

    First the orders that have not arrived, then those that miss an event; each group oldest first.
    """
    found = resolve_stack(stack, region, profile)
    show.print_waiting(waiting_orders(found), found.cloud.now(), as_json=as_json)
