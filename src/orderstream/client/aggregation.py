"""Collects records into aggregates, in the format of the Kinesis Producer Library.

Kinesis orders the records of a shard, so all records of a partition key have to be in aggregates for one
shard. Each aggregate is therefore for one of 16 equal parts of the range of hashes, under a partition key
whose own hash is in that part. With up to 16 shards of equal ranges, a record is in the shard where it would
be by itself.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from typing import Any

from orderstream.client.put_records import MAX_RECORD_BYTES
from orderstream.client.queue import RECORD_OVERHEAD_BYTES
from orderstream.client.records import OrderRecord
from orderstream.domain.decode import AGGREGATE_MAGIC
from orderstream.errors import InputError

PARTS = 16
# With its key, an aggregate is at most two PUT payload units of 25 KB.
MAX_AGGREGATE_BYTES = 51_200 - 16
# The magic number and the digest.
_FRAME_BYTES = 20
# At most, of each record: tags, lengths and the index of its key.
_FIELDS_BYTES = 16


@dataclass(eq=False)
class _Open:
    """An aggregate that is not full."""

    due: float
    size: int = _FRAME_BYTES
    records: list[OrderRecord] = field(default_factory=list)


class Aggregator:
    """Aggregates that are being filled, each for at most `seconds`; none with 0. Not thread-safe.

    Raises InputError if the library for the format is needed and not installed.
    """

    def __init__(self, seconds: float) -> None:
        if not seconds >= 0:
            raise InputError("aggregate_seconds is 0 or more")
        self._seconds = seconds
        self._message = _message_class() if seconds else None
        self._keys = _keys_of_parts() if seconds else []
        # By part; the one that is due first comes first.
        self._open: dict[int, _Open] = {}
        # Memory of all records in aggregates that have no outcome.
        self.bytes = 0

    def add(self, record: OrderRecord) -> list[OrderRecord]:
        """Add a record. Returns what is to be sent now, in this order: full aggregates, or the record itself.

        Raises InputError if the record is too large for an aggregate.
        """
        if not self._seconds:
            return [record]
        size = record.size + _FIELDS_BYTES
        if size + _FRAME_BYTES > MAX_RECORD_BYTES - 16:
            raise InputError(f"a record of {record.size} bytes is too large for an aggregate")
        part = _part_of(record.partition_key)
        full = []
        found = self._open.get(part)
        if found and found.size + size > MAX_AGGREGATE_BYTES:
            full.append(self._close(part))
            found = None
        if found is None:
            found = self._open[part] = _Open(record.accepted_at + self._seconds)
        found.records.append(record)
        found.size += size
        self.bytes += record.size + RECORD_OVERHEAD_BYTES
        if found.size >= MAX_AGGREGATE_BYTES:
            full.append(self._close(part))
        return full

    def close_due(self, now: float) -> list[OrderRecord]:
        """The aggregates that have waited for long enough at `now`; with infinity, all."""
        return [self._close(part) for part, one in list(self._open.items()) if one.due <= now]

    def next_due(self) -> float:
        """When the next aggregate is due, infinity if there is none."""
        return next((one.due for one in self._open.values()), math.inf)

    def release(self, aggregate: OrderRecord) -> None:
        """Note that an aggregate has its outcome."""
        self.bytes -= sum(one.size + RECORD_OVERHEAD_BYTES for one in aggregate.inner)

    def _close(self, part: int) -> OrderRecord:
        records = self._open.pop(part).records
        assert self._message
        message = self._message()
        keys: dict[str, int] = {}
        for one in records:
            inner = message.records.add()
            inner.partition_key_index = keys.setdefault(one.partition_key, len(keys))
            inner.data = one.data
        message.partition_key_table.extend(keys)
        text: bytes = message.SerializeToString()
        data = AGGREGATE_MAGIC + text + hashlib.md5(text, usedforsecurity=False).digest()
        key = self._keys[part]
        accepted_at = records[0].accepted_at
        return OrderRecord(key, len(data) + len(key), accepted_at, data=data, inner=tuple(records))


def _message_class() -> Any:
    try:
        # Not an import statement: the producer ships to Lambda without it, and aggregates nothing there.
        messages = import_module("aws_kinesis_agg.deaggregator").messages_pb2
    except ImportError:
        raise InputError(
            "aggregation needs aws-kinesis-agg, which is not installed", hint="pip install aws-kinesis-agg"
        ) from None
    return messages.AggregatedRecord


def _part_of(partition_key: str) -> int:
    """The part in which Kinesis has this key."""
    return hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()[0] * PARTS >> 8


def _keys_of_parts() -> list[str]:
    found: dict[int, str] = {}
    for number in count():
        key = f"aggregate-{number}"
        found.setdefault(_part_of(key), key)
        if len(found) == PARTS:
            return [found[part] for part in range(PARTS)]
    raise AssertionError
