"""The columns that SQL has of an archived record, from the fields of the order."""

from __future__ import annotations

from orderstream.archive.views import columns_of
from orderstream.domain.object_keys import PARTITIONS
from reference.markdown import code, table

_NO_KEY = "choose-partition-keys.md#a-stream-that-distributes-records-itself"
# Where a column is more than the field as it was sent.
_MEANINGS = {
    "event_id": "the position in the stream",
    "order_id": "as sent, otherwise the `event_id`; NULL if the record is no valid order or event",
    "event": "what happened, if the record is an event of the order; NULL for orders",
    "partition_key": f"as sent; NULL if there was none ([partition keys]({_NO_KEY}))",
    "arrived_at": "when Kinesis accepted the record",
    "currency": "as sent, otherwise the function's setting",
    "order_date": "as sent, otherwise `arrived_at`",
    "raw": "the uncompressed text",
    "raw_base64": "the bytes as sent, if the text alone does not determine them",
}
_OF_EVENTS = _MEANINGS | {
    "order_id": "the order that it belongs to",
    "event": "what happened",
    "producer_event_id": "the `event_id` of the event, as sent",
    "occurred_at": "as sent, otherwise `arrived_at`",
    "amount": "as sent; of an amendment that has only items, their sum",
    "currency": "as sent; NULL means that of the order",
    "details": "all other fields, as JSON",
}


def columns() -> str:
    """A table of every column of records and orders with its type and meaning."""
    return _table("records", _MEANINGS)


def event_columns() -> str:
    """The same of events."""
    return _table("events", _OF_EVENTS)


def _table(view: str, meanings: dict[str, str]) -> str:
    own = {name: kind for name, kind in columns_of(view).items() if name not in PARTITIONS}
    rows = [(code(name), kind, meanings.get(name, "as sent")) for name, kind in own.items()]
    hours = (", ".join(map(code, PARTITIONS)), "VARCHAR", "of `arrived_at`, UTC")
    return table(("Column", "Type", "Meaning"), [*rows, hours])
