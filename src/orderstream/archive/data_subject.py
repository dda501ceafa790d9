"""Find the data of one customer in a record, line or on-failure object, and redact it."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec

from orderstream.archive.identifier_search import search
from orderstream.domain.decode import AGGREGATE_MAGIC, Decoded, decode, parse
from orderstream.domain.ids import order_id_of
from orderstream.domain.order_event import FIELD
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes
from orderstream.pipeline.deaggregate import deaggregate
from orderstream.pipeline.records import Record, from_event
from orderstream.recovery.dead_letters import event_entries

_ERASED = "erased"
_CUSTOMER = "customer_id"
_DIGEST_BYTES = 16
_ENCODER = msgspec.json.Encoder()


class DataSubject:
    """One customer, by the exact id that producers send, as in the table.

    `order_ids` are their orders, as far as they are known: the events of these are theirs. `erased` are
    events that an erasure removed before (by their record's event id). With `only_events`, nothing but events
    is theirs. `saw_events` is whether any event was read, and `named` are the orders of those that have their
    customer_id.

    `shared` are the customer's records (event ids) that also contain orders of others. `unsure` has each
    record that may be theirs, by event id, with its location and why it cannot be determined.
    """

    def __init__(self, customer_id: str) -> None:
        self.customer_id = customer_id
        self.order_ids: set[str] = set()
        self.erased: set[str] = set()
        self.only_events = False
        self.saw_events = False
        self.named: set[str] = set()
        self.shared: set[str] = set()
        self.unsure: dict[str, str] = {}

    def owns(self, data: bytes, partition_key: str | None, event_id: str, key: str) -> bool:
        """Whether a record in the object `key` belongs to this customer.

        A valid order does if it has their customer_id, and an event, valid or not, if its order is theirs.
        Any other invalid record does if it has their customer_id at any depth. So does one without a
        customer_id that has the id as a string or as its partition key.
        """
        what = decode(data)
        if what.order is not None:
            return not self.only_events and what.order.customer_id == self.customer_id
        if _is_event(what, data):
            self.saw_events = True
            if what.raw_order_id in self.order_ids or event_id in self.erased:
                return True
        if what.event is not None:
            self._note_named(what)
            return False
        if self.only_events:
            return False
        found = search(data, self.customer_id)
        theirs = found.claimed or (not found.others and (found.named or partition_key == self.customer_id))
        if theirs and found.others:
            self.shared.add(event_id)
        is_damaged_aggregate = data.startswith(AGGREGATE_MAGIC)
        if not theirs and (not found.others or is_damaged_aggregate):
            why = [*found.unread, *(["may name the customer"] if found.bare else [])]
            if why:
                self.unsure.setdefault(event_id, f"record {event_id} in {key} {' and '.join(why)}")
        return theirs

    def order_id_of(self, record: Record) -> str | None:
        """The order that a record of theirs is, or is about, as far as it says."""
        what = decode(record.data)
        return order_id_of(what.order, record.event_id) if what.order else what.raw_order_id

    def _note_named(self, what: Decoded) -> None:
        details = what.event.details if what.event else ""
        # Most events do not have the field at all.
        if what.raw_order_id and _CUSTOMER in details:
            if parse(details.encode()).get(_CUSTOMER) == self.customer_id:
                self.named.add(what.raw_order_id)

    def redact(self, line: ArchiveLine, key: str) -> ArchiveLine | None:
        """The line, of the object `key`, without this customer: unchanged, what remains of it, or None."""
        if self.owns(original_bytes(line), line.partition_key, line.event_id, key):
            return None
        # A conflict of another customer contains the stored order.
        if line.stored and line.stored.get("CustomerID") == self.customer_id:
            return msgspec.structs.replace(line, stored=None)
        return line

    def redact_batch(self, key: str, body: bytes) -> tuple[bytes | None, list[Record]]:
        """The on-failure object `key` without this customer's records (None if none remain), and those
        records.

        Any other object has no records. It is `unsure` if it names the customer or cannot be read.
        """
        try:
            document = msgspec.json.decode(body)
            entries = event_entries(document["payload"])
            batch = dict(document["KinesisBatchInfo"])
            records = [record for entry in entries for record in from_event({"Records": [entry]})]
        except (KeyError, TypeError, ValueError, msgspec.MsgspecError) as error:
            found = search(body, self.customer_id)
            if found.claimed or found.named or found.bare or found.unread:
                what = "names the customer" if found.claimed or found.named else "may name the customer"
                self.unsure.setdefault(key, f"{key} {what} and is not a batch from Lambda: {error!r}")
            return body, []
        kept: list[dict[str, Any]] = []
        erased: list[Record] = []
        for entry, record in zip(entries, records, strict=True):
            inner = deaggregate(record)
            mine = [one for one in inner if self.owns(one.data, one.partition_key, one.event_id, key)]
            erased += mine
            if not mine:
                kept.append(entry)
            elif len(mine) < len(inner):
                kept.append(_emptied(entry, record, {one.event_id for one in mine}))
        if not erased:
            return body, []
        if not kept:
            return None, erased
        event = msgspec.json.decode(document["payload"])
        document["payload"] = _ENCODER.encode(event | {"Records": kept}).decode()
        document["KinesisBatchInfo"] = batch | {"batchSize": len(kept)}
        return _ENCODER.encode(document), erased


def _is_event(what: Decoded, data: bytes) -> bool:
    """Whether a record is an event, or an invalid record with the field of one."""
    return what.event is not None or f'"{FIELD}"'.encode() in (what.json or data)


def _emptied(entry: dict[str, Any], record: Record, erased: set[str]) -> dict[str, Any]:
    """The entry of an aggregate with the `erased` records emptied, so that the others keep their numbers."""
    from aws_kinesis_agg import deaggregator

    message = deaggregator.messages_pb2.AggregatedRecord()
    message.ParseFromString(record.data[len(AGGREGATE_MAGIC) : -_DIGEST_BYTES])
    theirs = {one.partition_key_index for one in message.records}
    for inner, one in zip(deaggregate(record), message.records, strict=True):
        if inner.event_id in erased:
            one.data = b""
        else:
            theirs.discard(one.partition_key_index)
    for index in theirs:
        message.partition_key_table[index] = _ERASED
    text = message.SerializeToString()
    data = AGGREGATE_MAGIC + text + hashlib.md5(text, usedforsecurity=False).digest()
    kinesis = entry["kinesis"] | {"data": base64.b64encode(data).decode()}
    if record.partition_key is not None and record.partition_key not in message.partition_key_table:
        kinesis["partitionKey"] = _ERASED
    return entry | {"kinesis": kinesis}
