"""Send one event of an order, from its fields as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from orderstream.client import DeliveryError, OrderProducer, RecordMetadata
from orderstream.client.serialization import with_event_id
from orderstream.domain.decode import decode
from orderstream.domain.lifecycle import event_names
from orderstream.domain.order_event import FIELD, OrderEvent
from orderstream.domain.user_model import order_model
from orderstream.errors import CloudError, InputError


def event_names_of_model() -> list[str]:
    """The events of this process's order model."""
    return sorted(event_names(order_model().TRANSITIONS))


def event_document(order_id: str, name: str, details: Iterable[str], **fields: Any) -> dict[str, Any]:
    """The event with an event_id, if nothing else identifies it; without the `fields` that are None.

    `details` are its other fields, each as NAME=VALUE. Raises InputError for one that is not, or that has the
    name of one of an event's own fields.
    """
    document = {"order_id": order_id, FIELD: name}
    document |= {field: value for field, value in fields.items() if value is not None}
    for one in details:
        field, equals, value = one.partition("=")
        if not (field and equals):
            raise InputError(f"{one!r} is not NAME=VALUE", hint="for example: --set carrier=DHL")
        if field in OrderEvent.__struct_fields__:
            raise InputError(
                f"{field} is a field of every event", hint="it has its own option, or: orders send '{…}'"
            )
        document[field] = value
    return with_event_id(document)


def send_event(producer: OrderProducer, document: dict[str, Any]) -> RecordMetadata:
    """Put one event on the stream, and wait for it. Raises InputError for an invalid one, and CloudError."""
    reasons = decode(msgspec.json.encode(document)).reasons
    if reasons:
        raise InputError("; ".join(f"{reason.path} {reason.message}" for reason in reasons))
    try:
        return producer.send(document).result()
    except DeliveryError as error:
        if "event_id" not in document:
            raise
        again = f"it is safe to send it again with --event-id {document['event_id']}"
        raise CloudError(error.message, hint="; ".join(filter(None, (error.hint, again)))) from None
