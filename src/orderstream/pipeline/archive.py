"""The archive in S3: every record's exact bytes, before anything else is done with it (G4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from orderstream.domain.decode import Decoded, decode
from orderstream.domain.identity import batch_key, hour_of, order_id_of
from orderstream.pipeline.lines import line_of, pack, raw_of, read_line
from orderstream.pipeline.records import Record


class ObjectStore(Protocol):
    """The part of S3 that the pipeline uses."""

    def put(self, key: str, body: bytes) -> None:
        """Write an object, whatever was there."""

    def put_new(self, key: str, body: bytes) -> bytes | None:
        """Write an object unless the key is taken; then return what is there."""


class Archived(msgspec.Struct, frozen=True):
    """Where a record's bytes are; `differs` if the key was taken by an order with other content."""

    key: str
    differs: bool = False


def group_by_hour(records: Iterable[Record]) -> list[list[Record]]:
    """The records by the hour of their arrival, each group in the order of the shard."""
    hours: dict[Any, list[Record]] = {}
    for record in records:
        hours.setdefault(hour_of(record.arrived_at), []).append(record)
    return list(hours.values())


def object_key(prefix: str, records: Sequence[Record]) -> str:
    """The key of an object with these records of one shard and hour."""
    first, last = records[0], records[-1]
    hour = hour_of(first.arrived_at)
    return batch_key(prefix, hour, first.shard_id, first.sequence_number, last.sequence_number)


class BatchArchive:
    """One object for each batch and hour of arrival: what is read together lies together.

    Every record goes in, whether it is an order or not: so the object depends on the stream alone,
    and a redelivery after the model was changed cannot take bytes away that an item points to.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def keep(self, records: Sequence[Record], decoded: Sequence[Decoded]) -> dict[str, Archived]:
        """Write the records; returns where each is, by event_id. The store's errors come through."""
        found = {record.event_id: what for record, what in zip(records, decoded, strict=True)}
        places: dict[str, Archived] = {}
        for group in group_by_hour(records):
            key = object_key("orders", group)
            self._store.put(key, pack(_line(record, found[record.event_id]) for record in group))
            places |= {record.event_id: Archived(key) for record in group}
        return places


class OrderArchive:
    """One object for each order, at orders/{order_id}.json: handy to look at, dear at scale.

    A key is written once. Where it is taken by other content, the order is a conflict before it
    reaches the table: the bytes an item points to are never replaced.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def keep(self, records: Sequence[Record], decoded: Sequence[Decoded]) -> dict[str, Archived]:
        """Write the orders (no other records); returns where each is, by event_id."""
        places: dict[str, Archived] = {}
        for record, what in zip(records, decoded, strict=True):
            if what.order is None:
                continue
            key = f"orders/{quote(order_id_of(what.order, record.event_id), safe='')}.json"
            there = self._store.put_new(key, _line(record, what))
            differs = there is not None and decode(raw_of(read_line(there))).fingerprint != what.fingerprint
            places[record.event_id] = Archived(key, differs)
        return places


def _line(record: Record, what: Decoded) -> bytes:
    order_id = order_id_of(what.order, record.event_id) if what.order else None
    return line_of(record, json=what.json, order_id=order_id)
