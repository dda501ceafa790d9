"""The archive in S3: store every record's exact bytes before any further processing (G4)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, Protocol

import msgspec

from orderstream.domain.decode import Decoded, decode
from orderstream.domain.equality import same_content
from orderstream.domain.ids import order_id_of
from orderstream.domain.object_keys import ORDERS, batch_key, hour_of, is_batch, order_key
from orderstream.errors import CloudError
from orderstream.pipeline.archive_codec import compress, encode, original_bytes, read_line, read_lines
from orderstream.pipeline.concurrency import ParallelMap
from orderstream.pipeline.records import Record

Item = dict[str, Any]

_NEVER = datetime.max.replace(tzinfo=UTC)


class ObjectStore(Protocol):
    """The part of S3 that the pipeline uses. Objects are never overwritten."""

    def put_new(self, key: str, body: bytes) -> bool:
        """Write an object unless the key exists; return whether it was written."""

    def get(self, key: str) -> bytes | None:
        """The content of an object, or None if it does not exist."""


class Archived(msgspec.Struct, frozen=True):
    """Where a record is archived; `differs` if the key already existed with an order of other content.

    `written` is the size of the object in bytes, 0 if it existed before.
    """

    key: str
    differs: bool = False
    written: int = 0


def put_by_hour(
    store: ObjectStore, prefix: str, records: Iterable[Record], lines: Iterable[bytes]
) -> list[tuple[Archived, list[Record]]]:
    """Write the records' lines to one object for each hour of arrival, in the order of the shard.

    All `records` are from one shard. Return each object with the records in it. A key that exists comes from
    an earlier delivery of the same records, and its object is left unchanged.
    """
    hours: dict[datetime, list[tuple[Record, bytes]]] = {}
    hour = after = _NEVER
    for record, line in zip(records, lines, strict=True):
        if not hour <= record.arrived_at < after:
            hour = hour_of(record.arrived_at)
            after = hour + timedelta(hours=1)
            entries = hours.setdefault(hour, [])
        entries.append((record, line))
    objects = []
    for hour, entries in hours.items():
        inside = [record for record, _ in entries]
        key = batch_key(
            prefix,
            hour,
            inside[0].shard_id,
            [record.sequence_number for record in inside],
            [record.event_id for record in inside],
        )
        body = compress(line for _, line in entries)
        is_new = store.put_new(key, body)
        objects.append((Archived(key, written=len(body) if is_new else 0), inside))
    return objects


class BatchArchive:
    """One object for each batch and hour of arrival, so that records read together are stored together.

    It contains every record, valid or not. So the object depends only on the stream, and a redelivery
    after a change of the model cannot remove bytes that an item refers to.
    """

    def __init__(self, store: ObjectStore, each: ParallelMap = map) -> None:
        self._store = store
        self._each = each

    def write(self, records: Sequence[Record], decoded: Sequence[Decoded]) -> dict[str, Archived]:
        """Write the records; return where each is, by event_id. Errors of the store propagate."""
        return _put_batch(self._store, records, decoded)

    def originals(self, items: Sequence[Item]) -> dict[str, bytes]:
        """As `read_originals`."""
        return read_originals(self._store, items, self._each)


class OrderArchive:
    """One object for each order, under its id: easy to inspect, expensive at scale.

    Events are archived in batches.

    A key is written once. If it exists with other content, the order is a conflict before it reaches the
    table, so the bytes that an item refers to are never replaced.
    """

    def __init__(self, store: ObjectStore, each: ParallelMap = map) -> None:
        self._store = store
        self._each = each

    def write(self, records: Sequence[Record], decoded: Sequence[Decoded]) -> dict[str, Archived]:
        """Write the orders and events (no other records); return where each is, by event_id."""
        events = [(record, what) for record, what in zip(records, decoded, strict=True) if what.event]
        places = _put_batch(self._store, [one[0] for one in events], [one[1] for one in events])
        rivals: dict[str, list[tuple[Record, Decoded]]] = {}
        for record, what in zip(records, decoded, strict=True):
            if what.order is not None:
                key = order_key(order_id_of(what.order, record.event_id))
                rivals.setdefault(key, []).append((record, what))
        for found in self._each(self._put_in_order, rivals.items()):
            places |= found
        return places

    def _put_in_order(self, rivals: tuple[str, list[tuple[Record, Decoded]]]) -> dict[str, Archived]:
        """Write the orders of one key; the first one gets it."""
        key, entries = rivals
        places: dict[str, Archived] = {}
        for record, what in entries:
            line = _line(record, what)
            is_new = self._store.put_new(key, line)
            differs = not is_new and not self._holds(key, what)
            places[record.event_id] = Archived(key, differs, len(line) if is_new else 0)
        return places

    def _holds(self, key: str, what: Decoded) -> bool:
        body = self._store.get(key)
        if body is None:
            raise CloudError(f"{key} was there a moment ago, and is gone")
        try:
            return same_content(decode(original_bytes(read_line(body))), what)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            # The object is not a valid archive line: this order conflicts with it, and the others continue.
            return False

    def originals(self, items: Sequence[Item]) -> dict[str, bytes]:
        """As `read_originals`."""
        return read_originals(self._store, items, self._each)


def read_originals(store: ObjectStore, items: Sequence[Item], each: ParallelMap) -> dict[str, bytes]:
    """The bytes from which items of the table were created, by OrderID.

    Items whose object no longer exists (compacted or expired) or cannot be read are left out. Errors of the
    store propagate.
    """
    of_object: dict[str, list[Item]] = {}
    for item in items:
        of_object.setdefault(item.get("ArchiveKey", ""), []).append(item)

    def read(entry: tuple[str, list[Item]]) -> dict[str, bytes]:
        key, inside = entry
        body = store.get(key) if key else None
        if body is None:
            return {}
        of_batch = is_batch(key)
        ids = {item.get("EventID"): item["OrderID"] for item in inside}
        found: dict[str, bytes] = {}
        try:
            for line in read_lines(key, BytesIO(body)):
                # A single-order object contains its first record, whichever record the item came from.
                order_id = ids.get(line.event_id) if of_batch else inside[0]["OrderID"]
                if order_id is not None:
                    found[order_id] = original_bytes(line)
        except (OSError, EOFError, zlib.error, msgspec.MsgspecError, UnicodeDecodeError):
            # Damaged: `orders stack verify` reports it. The lines before the damage are used.
            pass
        return found

    return {order_id: data for found in each(read, of_object.items()) for order_id, data in found.items()}


def _put_batch(
    store: ObjectStore, records: Sequence[Record], decoded: Sequence[Decoded]
) -> dict[str, Archived]:
    """Write the records by hour of arrival; return where each is, by event_id."""
    places: dict[str, Archived] = {}
    for place, inside in put_by_hour(store, ORDERS, records, map(_line, records, decoded)):
        places |= dict.fromkeys([record.event_id for record in inside], place)
    return places


def _line(record: Record, what: Decoded) -> bytes:
    if what.event:
        event = what.event.sent
        return encode(record, json=what.json, order_id=event.order_id, event=event.event)
    order_id = order_id_of(what.order, record.event_id) if what.order else None
    return encode(record, json=what.json, order_id=order_id)
