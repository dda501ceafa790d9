"""`orders list`: list the orders of a customer, by another indexed field, or by status."""

from typing import Annotated

import typer

from orderstream.aws.deployment import Deployment
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack, span_of
from orderstream.domain.fold import with_state
from orderstream.errors import InputError
from orderstream.lookup.order_search import OrderFilter, known_status, search_orders
from orderstream.output import console
from orderstream.output import orders as show
from orderstream.storage import orders
from orderstream.storage.bucket import TimeRange

app = typer.Typer()


def _key_of(by: str) -> orders.IndexKey:
    name, equals, value = by.partition("=")
    if not (equals and value):
        raise InputError(f"{by!r} is not FIELD=VALUE", hint="for example: --by merchant_id=M-1")
    return orders.by_field(name, value)


def _list_by_status(
    found: Deployment, customer: str, status: str, span: TimeRange, limit: int, as_json: bool
) -> None:
    wanted = OrderFilter(customer=customer, order_status=known_status(status), span=span)
    with console.progress() as progress:
        page = search_orders(found, wanted, most=limit, progress=progress)
    show.print_orders((with_state(one.item) for one in page.found), as_json=as_json)
    if page.next and len(page.found) < limit:
        show.print_search_stopped(page.since)


@app.command("list", epilog="Example: orders list --customer 12345 --since 2h")
def list_(
    customer: Annotated[str | None, options.CUSTOMER] = None,
    by: Annotated[
        str | None, typer.Option(metavar="FIELD=VALUE", help="A field that the order model marks as indexed.")
    ] = None,
    status: Annotated[
        str | None, typer.Option(help="Only orders that have this status now, such as paid.")
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
    """List the orders of a customer, with a value in another indexed field, or in a status, newest first.

    --status alone searches the archive, the newest orders first, and says how far it came. Then --since and
    --until are times of arrival.
    """
    if sum(one is not None for one in (customer, by)) != 1 and (status is None or by is not None):
        raise InputError("which orders?", hint="give --customer 12345, --by FIELD=VALUE, or --status paid")
    if status is not None and by is not None:
        raise InputError(
            "--status and --by cannot be used together", hint="give --customer, or --status alone"
        )
    found = resolve_stack(stack, region, profile)
    if status is not None:
        _list_by_status(found, customer or "", status, span_of(found.cloud, since, until), limit, as_json)
        return
    key = orders.by_customer(found, customer) if customer is not None else _key_of(by or "")
    span = span_of(found.cloud, since, until)
    found_orders = orders.list_orders(found, key, since=span.since, until=span.until, limit=limit)
    show.print_orders(found_orders, as_json=as_json)
