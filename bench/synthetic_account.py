"""An account of AWS in which any number of orders was processed: what it holds is made when asked for.

Objects, items and records are made by the code that the function runs.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

from botocore.response import StreamingBody

from orderstream.domain.decode import decode
from orderstream.domain.ids import event_id
from orderstream.domain.object_keys import (
    ORDERS,
    QUARANTINE,
    batch_key,
    hour_of,
    prefix_of,
    shard_range,
    years_prefix,
)
from orderstream.pipeline.archive_codec import compress, encode
from orderstream.pipeline.records import Record

BATCH = 1000
SHARD = "shardId-000000000000"
START = datetime(2026, 11, 1, tzinfo=UTC)


class Generated:
    """The account, with so many orders, of which one in a hundred was quarantined; the stream is empty."""

    def __init__(self, orders: int) -> None:
        self.orders = orders
        self.s3 = self.dynamodb = self.kinesis = self.cloudwatch = self.exceptions = self
        self.NoSuchKey = KeyError
        self._archive_key = cache(partial(self.key, ORDERS))

    def now(self) -> datetime:
        return datetime.now(UTC)

    def record(self, number: int) -> Record:
        """Record `number`: an order of some 300 bytes, or one with an amount that is none."""
        amount = "-1" if _is_bad(number) else f"{number % 9973 + 1}.25"
        data = (
            f'{{"order_id": "{number:032x}", "customer_id": "C{number % 5000:05d}", "amount": {amount},'
            f' "currency": "EUR", "note": "{"x" * 180}"}}'
        ).encode()
        sequence_number = f"4957{number:052d}"
        arrived_at = START + timedelta(seconds=number // 100)
        return Record(event_id(SHARD, sequence_number), SHARD, sequence_number, "k", arrived_at, data)

    def batch(self, start: int) -> list[Record]:
        return [self.record(number) for number in range(start, min(start + BATCH, self.orders))]

    def key(self, prefix: str, start: int) -> str:
        """The key of the object with the batch that begins with record `start`."""
        batch = self.batch(start)
        numbers = [record.sequence_number for record in batch]
        ids = [record.event_id for record in batch]
        return batch_key(prefix, hour_of(batch[0].arrived_at), SHARD, numbers, ids)

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        prefix, start = prefix_of(Key), int(shard_range(Key)[1][4:]) // BATCH * BATCH
        return _answer(self._body(prefix, start))

    def _body(self, prefix: str, start: int) -> bytes:
        lines = []
        for record in self.batch(start):
            what = decode(record.data)
            order_id = what.raw_order_id if what.order else None
            if prefix == ORDERS:
                lines.append(encode(record, json=what.json, order_id=order_id))
            elif not what.order:
                reasons = [{"path": "$.amount", "code": "not_positive", "message": "no"}]
                lines.append(encode(record, json=what.json, order_id=order_id, reasons=reasons))
        return compress(lines)

    def get_paginator(self, operation: str) -> Any:
        pages = {"list_objects_v2": self._objects, "scan": self._items, "list_shards": self._shards}
        return SimpleNamespace(paginate=pages[operation])

    def _objects(self, Prefix: str, **request: Any) -> Iterator[dict[str, Any]]:
        prefix = prefix_of(Prefix)
        if prefix in (ORDERS, QUARANTINE) and Prefix == years_prefix(prefix):
            for start in range(0, self.orders, BATCH):
                named = {"Key": self.key(prefix, start), "ETag": str(start)}
                yield {"Contents": [named | {"Size": 0, "LastModified": START}]}

    def _items(self, **request: Any) -> Iterator[dict[str, Any]]:
        """In the order of a hash, as a table's are."""
        step = 7919
        for first in range(step):
            numbers = range(first, self.orders, step)
            yield {"Items": [self._item(number) for number in numbers if not _is_bad(number)]}

    def _item(self, number: int) -> dict[str, Any]:
        record = self.record(number)
        fields = {
            "OrderID": f"{number:032x}",
            "EventID": record.event_id,
            "ArchiveKey": self._archive_key(number // BATCH * BATCH),
            "Fingerprint": decode(record.data).fingerprint,
            "ReceivedAt": "2026-11-01T00:00:00.000000Z",
        }
        return {name: {"S": value} for name, value in fields.items()}

    def _shards(self, **request: Any) -> Iterator[dict[str, Any]]:
        yield {"Shards": [{"ShardId": SHARD}]}

    def get_shard_iterator(self, **request: Any) -> dict[str, Any]:
        return {"ShardIterator": "0"}

    def get_records(self, ShardIterator: str, Limit: int) -> dict[str, Any]:
        """What the stream held is older than its retention."""
        return {"Records": [], "MillisBehindLatest": 0, "NextShardIterator": "0"}

    def get_metric_statistics(self, **request: Any) -> dict[str, Any]:
        return {"Datapoints": []}


class Archived(Generated):
    """The same with the same orders in every object, made beforehand: only reading takes time."""

    def __init__(self, orders: int) -> None:
        super().__init__(orders)
        self._ready = self._body(ORDERS, 0)

    def key(self, prefix: str, start: int) -> str:
        return batch_key(prefix, START, SHARD, [f"4957{start:052d}", f"4957{start + BATCH - 1:052d}"], [])

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        return _answer(self._ready)


def _is_bad(number: int) -> bool:
    return number % 100 == 99


def _answer(body: bytes) -> dict[str, Any]:
    return {"Body": StreamingBody(io.BytesIO(body), len(body)), "LastModified": START}
