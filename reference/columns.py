"""The columns that SQL has of an archived record, from the fields of the order."""

from __future__ import annotations

from orderstream.domain.object_keys import PARTITIONS
from orderstream.storage.columns import column_types
from reference.markdown import code, table

_NO_KEY = "choose-partition-keys.md#a-stream-that-distributes-records-itself"
# Where a column is more than the field as it was sent.
_MEANINGS = {
    "event_id": "the position in the stream",
    "order_id": "as sent, otherwise the `event_id`; NULL if the record is not a valid order",
    "partition_key": f"as sent; NULL if there was none ([partition keys]({_NO_KEY}))",
    "arrived_at": "when Kinesis accepted the record",
    "currency": "as sent, otherwise the function's setting",
    "order_date": "as sent, otherwise `arrived_at`",
    "raw": "the uncompressed text",
    "raw_base64": "the bytes as sent, if the text alone does not determine them",
}


def columns() -> str:
    """A table of every column with its type and meaning."""
    rows = [(code(name), kind, _MEANINGS.get(name, "as sent")) for name, kind in column_types().items()]
    hours = (", ".join(map(code, PARTITIONS)), "VARCHAR", "of `arrived_at`, UTC")
    return table(("Column", "Type", "Meaning"), [*rows, hours])
