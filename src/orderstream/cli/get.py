"""`orders get`: print an order."""

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack
from orderstream.errors import InputError
from orderstream.output import orders as show
from orderstream.storage import orders

app = typer.Typer()


@app.command(epilog="Example: orders get 9f86d081884c7d65 --raw | jq .")
def get(
    order_id: options.OrderId,
    raw: Annotated[bool, typer.Option("--raw", help="Print the exact bytes that were sent.")] = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Print an order.

    Without --raw, it prints the item in the table. With --raw, a file or a pipe receives the bytes that
    were sent; a terminal shows them as text, without control characters and with a newline at the end. Ends
    with status 1 if the order does not exist.
    """
    if raw and as_json:
        raise InputError("--raw and --json cannot be used together", hint="--raw prints what was sent")
    where = resolve_stack(stack, region, profile)
    if raw:
        show.print_raw(orders.raw_order(where, order_id), exact=f"orders get {order_id} --raw > FILE")
    else:
        show.print_order(orders.get_order(where, order_id), as_json=as_json)
