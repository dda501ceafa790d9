"""Send one event of an order, from its fields as they are typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from orderstream.client import DeliveryError, OrderProducer, RecordMetadata
from orderstream.client.serialization import with_event_id
from orderstream.domain.lifecycle import event_names
from orderstream.domain.user_model import order_model
from orderstream.errors import CloudError, InputError
from orderstream.recovery.patch import FieldPatch, patched


def event_names_of_model() -> list[str]:
    """The events of this process's order model."""
    return sorted(event_names(order_model().TRANSITIONS))


def send_event(
    producer: OrderProducer, fields: dict[str, Any], others: Sequence[FieldPatch] = ()
) -> RecordMetadata:
    """Put an event on the stream, and wait for it; fields that are None are left out.

    `others` are set in it. It gets an event_id, unless it has one, a seq or an occurred_at. Raises InputError
    for an invalid event, and CloudError if Kinesis does not take it.
    """
    event = with_event_id({name: value for name, value in fields.items() if value is not None})
    try:
        data, _ = patched(msgspec.json.encode(event), "", others)
    except InputError as error:
        raise InputError(error.message, hint="orders model show has the events and fields") from None
    try:
        return producer.send_json(data).result()
    except DeliveryError as error:
        if "event_id" not in event:
            raise
        again = f"it is safe to send it again with --event-id {event['event_id']}"
        raise CloudError(error.message, hint="; ".join(filter(None, (error.hint, again)))) from None
