"""`orders list`: list the orders of a customer, or by another indexed field."""

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack, span_of
from orderstream.errors import InputError
from orderstream.output import orders as show
from orderstream.storage import orders

app = typer.Typer()


def _key_of(by: str) -> orders.IndexKey:
    name, equals, value = by.partition("=")
    if not (equals and value):
        raise InputError(f"{by!r} is not FIELD=VALUE", hint="for example: --by merchant_id=M-1")
    return orders.by_field(name, value)


@app.command("list", epilog="Example: orders list --customer 12345 --since 2h")
def list_(
    customer: Annotated[str | None, options.CUSTOMER] = None,
    by: Annotated[
        str | None, typer.Option(metavar="FIELD=VALUE", help="A field that the order model marks as indexed.")
    ] = None,
    since: options.Since = None,
    until: options.Until = None,
    limit: options.Limit = 50,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """List the orders of a customer, or with a value in another indexed field, newest first."""
    if (customer is None) == (by is None):
        raise InputError("which orders?", hint="give --customer 12345, or --by FIELD=VALUE")
    found = resolve_stack(stack, region, profile)
    key = orders.by_customer(found, customer) if customer is not None else _key_of(by or "")
    span = span_of(found.cloud, since, until)
    found_orders = orders.list_orders(found, key, since=span.since, until=span.until, limit=limit)
    show.print_orders(found_orders, as_json=as_json)
