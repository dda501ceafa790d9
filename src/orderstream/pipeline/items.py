"""The attributes of items: of an order in the table Orders, and of an event in the table OrderEvents."""

from __future__ import annotations

from typing import Any

from orderstream.domain.decode import Decoded
from orderstream.domain.fields import utc_text
from orderstream.domain.item import attributes, items_converter
from orderstream.domain.order import Order
from orderstream.domain.order_event import ReadEvent, event_attributes
from orderstream.domain.user_model import order_model
from orderstream.pipeline.records import Record


def event_row(record: Record, read: ReadEvent, key: str) -> dict[str, Any]:
    """The attributes of an event; `key` is that of the object that contains its bytes."""
    return event_attributes(
        read,
        record=record.event_id,
        arrived_at=record.arrived_at,
        archive_key=key,
        to_items=items_converter(order_model()),
    )


def order_item(
    record: Record, order: Order, what: Decoded, order_id: str, key: str, currency: str
) -> dict[str, Any]:
    """The attributes of an order's item; `key` is that of the object that contains its bytes."""
    item = attributes(
        order,
        order_id=order_id,
        # The time of arrival, not of processing, so that a redelivery gives the same item.
        order_date=order.order_date or record.arrived_at,
        currency=order.currency or currency,
        computed=what.computed,
    )
    if what.schema > 1:
        item["SchemaVersion"] = what.schema
    item["EventID"] = record.event_id
    item["ReceivedAt"] = utc_text(record.arrived_at)
    item["ArchiveKey"] = key
    item["Fingerprint"] = what.fingerprint
    item["NormalizedFingerprint"] = what.normalized
    return item
