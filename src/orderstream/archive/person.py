"""What in a record, a line or an on-failure object is about one customer, and the same without it."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any

import msgspec

from orderstream.domain.decode import AGGREGATE_MAGIC, decode
from orderstream.domain.expansion import GZIP_MAGIC
from orderstream.pipeline.lines import Line, raw_of
from orderstream.pipeline.records import Record, from_event
from orderstream.pipeline.unpack import unpack

_ERASED = "erased"
_DIGEST_BYTES = 16
_MOST_TEXT = 64 * 1024 * 1024
_ENCODER = msgspec.json.Encoder()


class Person:
    """One customer, by the id that shops send."""

    def __init__(self, customer_id: str) -> None:
        self.customer_id = customer_id
        self._quoted = _ENCODER.encode(customer_id)

    def sent(self, data: bytes, partition_key: str) -> bool:
        """Whether a record is of this customer.

        An order is, if it says so. So is what is no order but JSON with that customer_id; and of what cannot
        be read any further, whatever has the id in quotes or as its partition key.
        """
        what = decode(data)
        if what.order is not None:
            return what.order.customer_id == self.customer_id
        found = _customer_in(what.json or b"")
        if found is not None:
            return found == self.customer_id
        return partition_key == self.customer_id or any(map(self.is_named_in, _texts(data)))

    def is_named_in(self, text: bytes) -> bool:
        """Whether the customer's id stands in quotes in what cannot be read any further."""
        return self._quoted in text

    def without(self, line: Line) -> Line | None:
        """The line without this customer: itself, what is left of it, or None if all of it is of them."""
        if self.sent(raw_of(line), line.partition_key):
            return None
        # A conflict of somebody else shows the order that it met.
        if line.stored and line.stored.get("CustomerID") == self.customer_id:
            return msgspec.structs.replace(line, stored=None)
        return line

    def without_records(self, body: bytes) -> tuple[bytes | None, list[Record]]:
        """An on-failure object without this customer's records, None if none are left; and which were theirs.

        Raises KeyError, TypeError, ValueError or DecodeError for what is none.
        """
        document = msgspec.json.decode(body)
        event = msgspec.json.decode(document["payload"])
        kept: list[dict[str, Any]] = []
        erased: list[Record] = []
        for entry in event["Records"]:
            (record,) = from_event({"Records": [entry]})
            inner = unpack(record)
            mine = [one for one in inner if self.sent(one.data, one.partition_key)]
            erased += mine
            if not mine:
                kept.append(entry)
            elif len(mine) < len(inner):
                kept.append(_emptied(entry, record, {one.event_id for one in mine}))
        if not erased:
            return body, []
        if not kept:
            return None, erased
        document["payload"] = _ENCODER.encode(event | {"Records": kept}).decode()
        document["KinesisBatchInfo"]["batchSize"] = len(kept)
        return _ENCODER.encode(document), erased


def _customer_in(json: bytes) -> str | None:
    try:
        found = msgspec.json.decode(json)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("customer_id") is None:
        return None
    customer = found["customer_id"]
    # A number, which is refused, is meant as the text that it would be.
    return customer if isinstance(customer, str) else _ENCODER.encode(customer).decode()


def _texts(data: bytes) -> list[bytes]:
    """The bytes and, as far as they are compressed, what is in them."""
    if not data.startswith(GZIP_MAGIC):
        return [data]
    try:
        return [data, zlib.decompressobj(wbits=16 + zlib.MAX_WBITS).decompress(data, _MOST_TEXT)]
    except zlib.error:
        return [data]


def _emptied(entry: dict[str, Any], record: Record, erased: set[str]) -> dict[str, Any]:
    """The entry of an aggregate in which the `erased` records are empty: the others keep their numbers."""
    from aws_kinesis_agg import deaggregator

    message = deaggregator.messages_pb2.AggregatedRecord()
    message.ParseFromString(record.data[len(AGGREGATE_MAGIC) : -_DIGEST_BYTES])
    theirs = {one.partition_key_index for one in message.records}
    for inner, one in zip(unpack(record), message.records, strict=True):
        if inner.event_id in erased:
            one.data = b""
        else:
            theirs.discard(one.partition_key_index)
    for index in theirs:
        message.partition_key_table[index] = _ERASED
    text = message.SerializeToString()
    data = AGGREGATE_MAGIC + text + hashlib.md5(text, usedforsecurity=False).digest()
    kinesis = entry["kinesis"] | {"data": base64.b64encode(data).decode()}
    if record.partition_key not in message.partition_key_table:
        kinesis["partitionKey"] = _ERASED
    return entry | {"kinesis": kinesis}
