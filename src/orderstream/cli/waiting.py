"""`orders waiting`: list events that wait for their order, and orders of which an event is missing."""

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
    """List events that wait for their order, and orders of which an event is missing.

    An event is missing if one with a higher seq has arrived. Orders that have not arrived come first; each of
    both groups is sorted by age, the oldest first.
    """
    found = resolve_stack(stack, region, profile)
    show.print_waiting(waiting_orders(found), found.cloud.now(), as_json=as_json)
