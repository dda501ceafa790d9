"""An account of AWS in which any number of orders was processed: what it holds is made when asked for.

Objects, items and records are made by the code that the function runs.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
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
PAGE = 1000
SHARD = "shardId-000000000000"
START = datetime(2026, 11, 1, tzinfo=UTC)


def _answer(body: bytes) -> dict[str, Any]:
    return {"Body": StreamingBody(io.BytesIO(body), len(body)), "LastModified": START}


class Generated:
    """The account, with so many orders, of which one in a hundred was quarantined; the stream is empty."""

    def __init__(self, orders: int) -> None:
        self.orders = orders
        self.s3 = self.dynamodb = self.kinesis = self.cloudwatch = self
        self.exceptions = self
        self.NoSuchKey = KeyError

    def now(self) -> datetime:
        return datetime.now(UTC)

    def record(self, number: int) -> Record:
        """Record `number`: an order of some 300 bytes, or one with an amount that is none."""
        amount = "-1" if self.is_bad(number) else f"{number % 9973 + 1}.25"
        data = (
            f'{{"order_id": "{number:032x}", "customer_id": "C{number % 5000:05d}", "amount": {amount},'
            f' "currency": "EUR", "note": "{"x" * 180}"}}'
        ).encode()
        sequence_number = f"4957{number:052d}"
        arrived_at = START + timedelta(seconds=number // 100)
        return Record(event_id(SHARD, sequence_number), SHARD, sequence_number, "k", arrived_at, data)

    def is_bad(self, number: int) -> bool:
        return number % 100 == 99

    def batch(self, start: int) -> list[Record]:
        return [self.record(number) for number in range(start, min(start + BATCH, self.orders))]

    def key(self, prefix: str, start: int) -> str:
        """The key of the object with the batch that begins with record `start`."""
        batch = self.batch(start)
        numbers = [record.sequence_number for record in batch]
        hour = hour_of(batch[0].arrived_at)
        return batch_key(prefix, hour, SHARD, numbers, [record.event_id for record in batch])

    def get_paginator(self, operation: str) -> Any:
        return {"list_objects_v2": Objects, "scan": Items, "list_shards": Shards}[operation](self)

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        prefix, start = prefix_of(Key), int(shard_range(Key)[1][4:]) // BATCH * BATCH
        lines = []
        for record in self.batch(start):
            what = decode(record.data)
            more: dict[str, Any] = {"order_id": what.raw_order_id if what.order else None}
            if prefix == QUARANTINE:
                if what.order:
                    continue
                more |= {"reasons": [{"path": "$.amount", "code": "not_positive", "message": "no"}]}
            lines.append(encode(record, json=what.json, **more))
        return _answer(compress(lines))

    def get_shard_iterator(self, **request: Any) -> dict[str, Any]:
        return {"ShardIterator": "0"}

    def get_records(self, ShardIterator: str, Limit: int) -> dict[str, Any]:
        """An empty stream: what it held is older than its retention."""
        return {"Records": [], "MillisBehindLatest": 0, "NextShardIterator": "0"}

    def get_metric_statistics(self, **request: Any) -> dict[str, Any]:
        return {"Datapoints": []}


class Archived(Generated):
    """The same with the same orders in every object, made beforehand: only reading takes time."""

    def __init__(self, orders: int) -> None:
        super().__init__(orders)
        self._body = super().get_object("", self.key(ORDERS, 0))["Body"].read()

    def key(self, prefix: str, start: int) -> str:
        return batch_key(prefix, START, SHARD, [f"4957{start:052d}", f"4957{start + BATCH - 1:052d}"], [])

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        return _answer(self._body)


class Shards:
    def __init__(self, of: Generated) -> None:
        pass

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        yield {"Shards": [{"ShardId": SHARD}]}


class Objects:
    """The pages of a listing."""

    def __init__(self, of: Generated) -> None:
        self.of = of

    def paginate(self, Prefix: str, **request: Any) -> Iterator[dict[str, Any]]:
        prefix = prefix_of(Prefix)
        if prefix not in (ORDERS, QUARANTINE) or Prefix != years_prefix(prefix):
            return
        for start in range(0, self.of.orders, BATCH):
            entry = {
                "Key": self.of.key(prefix, start),
                "ETag": str(start),
                "Size": 0,
                "LastModified": START,
            }
            yield {"Contents": [entry]}


class Items:
    """The pages of a scan: in the order of a hash, as a table's are."""

    def __init__(self, of: Generated) -> None:
        self.of = of

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        step = 7919
        for first in range(step):
            numbers = range(first, self.of.orders, step)
            yield {"Items": [self._item(number) for number in numbers if not self.of.is_bad(number)]}

    def _item(self, number: int) -> dict[str, Any]:
        record = self.of.record(number)
        fields = {
            "OrderID": f"{number:032x}",
            "EventID": record.event_id,
            "ArchiveKey": self._key(number // BATCH * BATCH),
            "Fingerprint": decode(record.data).fingerprint,
            "ReceivedAt": "2026-11-01T00:00:00.000000Z",
        }
        return {name: {"S": value} for name, value in fields.items()}

    def _key(self, start: int) -> str:
        if start not in self._keys:
            self._keys[start] = self.of.key(ORDERS, start)
        return self._keys[start]

    _keys: dict[int, str] = {}
