"""`orders list`: list the orders of a customer."""

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack, span_of
from orderstream.output import orders as show
from orderstream.storage import orders

app = typer.Typer()


@app.command("list", epilog="Example: orders list --customer 12345 --since 2h")
def list_(
    customer: Annotated[str, options.CUSTOMER],
    since: options.Since = None,
    until: options.Until = None,
    limit: options.Limit = 50,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """List the orders of a customer, newest first."""
    found = resolve_stack(stack, region, profile)
    span = span_of(found.cloud, since, until)
    found_orders = orders.list_orders(found, customer, since=span.since, until=span.until, limit=limit)
    show.print_orders(found_orders, as_json=as_json)
