"""An event in the life of an order, as a record of the stream: `{"order_id": "A-1", "event": "paid"}`."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta

from orderstream.domain.fields import (
    InvalidValue,
    ascii_text,
    exact_number,
    exact_sum_of_products,
    rule,
    text,
    utc_text,
    whole_number,
)
from orderstream.domain.ids import fingerprint
from orderstream.domain.lifecycle import AMENDED, MAY_HAVE_AMOUNT, NEEDS_AMOUNT, event_names
from orderstream.domain.normalization import as_read
from orderstream.domain.order import Currency, Instant, Order, OrderId, Price
from orderstream.domain.validation import ModelReader, ValidationErrors

# An event with one of these is the same event when it is sent again.
IDENTITY = ("event_id", "seq", "occurred_at")
# A record with this field is an event.
FIELD = "event"
# The most events of an order: each one reads those before it.
MAX_EVENTS = 1000
_ITEMS = frozenset(("items",))
_HASH_BYTES = 9
# As text: 12 characters.
HASH_LENGTH = _HASH_BYTES * 4 // 3
_JSON = msgspec.json.Encoder(decimal_format="number")

EventName = Annotated[str, text(64), Meta(description="What happened.", examples=["paid"])]
_SAFE = "It makes a retry safe."
EventId = Annotated[str, ascii_text(128), Meta(description=_SAFE, examples=["pay-77"])]
_SEQ = "The number of the event among those of the order, from 0 or 1 on."
Seq = Annotated[int, rule(whole_number, ge=0, description=_SEQ, examples=[1])]


class OrderEvent(msgspec.Struct, frozen=True):
    """A valid event. A field that the producer left out is None.

    Events of an order are applied in the order of `seq`, or of `occurred_at` where there is none. Without
    `occurred_at` the time of arrival counts.
    """

    order_id: Annotated[OrderId, Meta(description="The order it belongs to.", examples=["A-1001"])]
    event: EventName
    event_id: EventId | None = None
    seq: Seq | None = None
    occurred_at: Annotated[Instant, Meta(examples=[])] | None = None
    amount: (
        Annotated[Price, Meta(description="Captured, refunded, or the new total.", examples=["19.90"])] | None
    ) = None
    currency: Currency | None = None
    # Of the type that the items of the order have.
    items: tuple[Any, ...] | None = None


class ReadEvent(msgspec.Struct, frozen=True):
    """A valid event as it was `sent`, with a `fingerprint` of its content.

    The fingerprint compares amounts and times by value, and everything else as it was sent.

    `amount` is the new total of an amendment that has only items. `details` are the other fields that were
    sent, as JSON text; empty if there are none.
    """

    sent: OrderEvent
    fingerprint: str
    amount: Decimal | None
    details: str


def read_event(document: dict[str, Any], model: type[Order], errors: ValidationErrors) -> ReadEvent | None:
    """Read a decoded JSON object that has an event; None, with the reasons in `errors`, if it is invalid."""
    event = _reader(model).read(document, "$", errors)
    if event is None or errors.reasons:
        return None
    names = event_names(model.TRANSITIONS)
    if event.event not in names:
        errors.add("$.event", "unknown_event", f"must be one of {', '.join(sorted(names))}")
        return None
    amount = _amount(event, errors)
    if errors.reasons:
        return None
    details = {name: value for name, value in document.items() if name not in OrderEvent.__struct_fields__}
    return ReadEvent(
        event,
        # Without the items as the model reads them: a model that grows must not change which event it is.
        fingerprint(as_read(event, document, unknown=_ITEMS)),
        amount,
        _JSON.encode(details).decode() if details else "",
    )


def _amount(event: OrderEvent, errors: ValidationErrors) -> Decimal | None:
    """The amount of an event; what does not fit the event is in `errors`."""
    amount, items = event.amount, event.items
    if event.event not in MAY_HAVE_AMOUNT:
        if amount is not None:
            errors.add("$.amount", "unexpected", f"is not for {event.event}")
    elif event.event in NEEDS_AMOUNT and amount is None:
        errors.add("$.amount", "missing", "is required")
    elif event.event != AMENDED and amount == 0:
        errors.add("$.amount", "not_positive", "must be greater than zero")
    if items is None:
        if event.event == AMENDED and amount is None:
            errors.add("$.amount", "missing", "is required, or items")
        return amount
    if event.event != AMENDED:
        errors.add("$.items", "unexpected", f"are not for {event.event}")
        return amount
    total = exact_sum_of_products((item.quantity, item.unit_price) for item in items)
    if amount is not None and total != amount:
        errors.add("$.items", "items_do_not_add_up", f"add up to {total:f}, the amount is {amount:f}")
    try:
        return exact_number(total)
    except InvalidValue as refused:
        errors.add("$.items", refused.code, refused.message)
        return None


def position(read: ReadEvent, record: str, arrived_at: datetime) -> str:
    """The key of an event among those of its order: its time, the fingerprint of its content, and the record.

    `record` is the event id of the record in the stream. It is left out if the event says when it occurred:
    then it is the same event in every record.
    """
    occurred_at = read.sent.occurred_at
    if occurred_at is not None:
        return f"{utc_text(occurred_at)}/{read.fingerprint}"
    return f"{utc_text(arrived_at)}/{read.fingerprint}/{record}"


def position_hash(position: str) -> str:
    """A hash of a position: HASH_LENGTH characters of text."""
    digest = hashlib.blake2b(position.encode(), digest_size=_HASH_BYTES).digest()
    return urlsafe_b64encode(digest).decode()


def event_attributes(
    read: ReadEvent, *, record: str, arrived_at: datetime, archive_key: str, to_items: Any
) -> dict[str, Any]:
    """The attributes of an event in the table OrderEvents: text, Decimal, int, lists and dicts."""
    event = read.sent
    row: dict[str, Any] = {
        "OrderID": event.order_id,
        "Position": position(read, record, arrived_at),
        "Event": event.event,
        "OccurredAt": utc_text(event.occurred_at or arrived_at),
    }
    optional = {
        "ProducerEventID": event.event_id,
        "Seq": event.seq,
        "Amount": read.amount,
        "Currency": event.currency,
        "Items": None if event.items is None else to_items(event.items),
        "Details": read.details or None,
    }
    row |= {name: value for name, value in optional.items() if value is not None}
    row["EventID"] = record
    row["ReceivedAt"] = utc_text(arrived_at)
    row["ArchiveKey"] = archive_key
    return row


@cache
def _reader(model: type[Order]) -> ModelReader[OrderEvent]:
    return ModelReader(event_type(model))


@cache
def event_type(model: type[Order]) -> type[OrderEvent]:
    """The class of the events of a model's orders: its items are of the type of theirs."""
    items = get_type_hints(model, include_extras=True)["items"]
    made: type[OrderEvent] = msgspec.defstruct(  # type: ignore[assignment]
        "OrderEvent", [("items", items, None)], bases=(OrderEvent,), frozen=True
    )
    return made
