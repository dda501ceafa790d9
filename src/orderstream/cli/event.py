"""`orders event`: send an event of an order."""

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.aws.times import parse_timestamp
from orderstream.cli import options
from orderstream.cli.options import resolve_stack
from orderstream.client import OrderProducer
from orderstream.domain.fields import utc_text
from orderstream.ingest.events import event_names_of_model, send_event
from orderstream.output import orders as show
from orderstream.recovery.patch import parse_patch

app = typer.Typer()


@app.command(epilog="Example: orders event A-1001 captured --amount 19.90")
def event(
    order_id: options.OrderId,
    name: Annotated[
        str,
        typer.Argument(metavar="EVENT", help="What happened: paid.", autocompletion=event_names_of_model),
    ],
    amount: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="Captured, refunded, or the new total.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="Currency of the amount, if it is to be checked.")
    ] = None,
    event_id: Annotated[
        str | None, typer.Option("--event-id", metavar="ID", help="Its id: sent again, it is the same event.")
    ] = None,
    seq: Annotated[int | None, typer.Option(help="Its number among the events of the order.", min=1)] = None,
    occurred_at: Annotated[
        str | None,
        typer.Option(
            "--occurred-at", metavar="TIME", help="When it happened: RFC 3339, a date, or an age such as 2h."
        ),
    ] = None,
    set_: options.SetFields = None,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Send an event of an order.

    It is checked by the rules of the function and then put on the stream. Whether it may follow the events
    before it is decided when it is applied: see orders history. Without an id, a number and a time it gets
    an id, so that it is the same event if it has to be sent again.
    """
    settings = [parse_patch(text) for text in set_ or ()]
    found = resolve_stack(stack, region, profile)
    at = utc_text(parse_timestamp(occurred_at, found.cloud.now())) if occurred_at else None
    fields = {"order_id": order_id, "event": name, "event_id": event_id, "seq": seq, "occurred_at": at}
    with OrderProducer(found.stream, found.cloud.kinesis_no_retry) as producer:
        receipt = send_event(producer, fields | {"amount": amount, "currency": currency}, settings)
    show.print_event_receipt(name, receipt, as_json=as_json)
