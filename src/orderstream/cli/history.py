"""`orders history`: print the events of an order, and what each does."""

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.aws.times import parse_timestamp
from orderstream.cli import options
from orderstream.cli.options import resolve_stack
from orderstream.lookup.order_history import order_history
from orderstream.output import history as show

app = typer.Typer()


@app.command(epilog="Example: orders history A-1001")
def history(
    order_id: options.OrderId,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of", metavar="TIME", help="The state at this time: RFC 3339, a date, or an age such as 2h."
        ),
    ] = None,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Print the events of an order, and what each does.

    They are in the order in which they apply, each with the status and the money of the order after it, and
    with the reason if it has no effect. With --as-of, only events that occurred until then count. Ends with
    status 1 if neither the order nor an event of it has arrived.
    """
    found = resolve_stack(stack, region, profile)
    until = parse_timestamp(as_of, found.cloud.now()) if as_of else None
    show.print_history(order_history(found, order_id, until), as_json=as_json)
