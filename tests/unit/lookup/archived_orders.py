"""An archive and a table in memory, with orders at given times: S3 and DynamoDB as far as a search asks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import msgspec
from botocore.response import StreamingBody

from orderstream.aws.deployment import Deployment
from orderstream.domain import object_keys
from orderstream.domain.decode import decode
from orderstream.domain.object_keys import batch_key
from orderstream.pipeline.archive_codec import compress, encode
from orderstream.pipeline.records import Record
from tests.fakes import deployment_on

NOW = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
SHARD = "shardId-000000000000"


class ArchivedOrders:
    """S3 and DynamoDB. `reads` and `lists` are the keys and the prefixes that were asked for."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, datetime]] = {}
        self.items: dict[str, dict[str, Any]] = {}
        self.reads: list[str] = []
        self.lists: list[str] = []
        self.numbers = 0

    @property
    def deployment(self) -> Deployment:
        return deployment_on(SimpleNamespace(s3=self, dynamodb=self))

    def batch(self, written: datetime, *records: tuple[datetime, dict[str, Any]]) -> list[str]:
        """Archive a batch of records, each with its arrival in one hour; returns their event ids."""
        made = [self._record(at, msgspec.json.encode(document)) for at, document in records]
        lines = []
        for one in made:
            what = decode(one.data)
            order_id = (what.order.order_id or one.event_id) if what.order else None
            more = {}
            if what.event:
                order_id, more = what.event.sent.order_id, {"event": what.event.sent.event}
            lines.append(encode(one, json=what.json, order_id=order_id, **more))
        numbers = [one.sequence_number for one in made]
        ids = [one.event_id for one in made]
        key = batch_key(object_keys.ORDERS, made[0].arrived_at, SHARD, numbers, ids)
        self.objects[key] = compress(lines), written
        return ids

    def store(self, event_id: str, order_id: str, **more: str) -> None:
        """An item of the table that came from this event."""
        item = {"OrderID": order_id, "EventID": event_id, "Currency": "EUR"} | more
        self.items[order_id] = {name: {"S": value} for name, value in item.items()}

    def get_paginator(self, operation: str) -> ArchivedOrders:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Prefix: str, Delimiter: str = "", **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        self.lists.append(Prefix)
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        if Delimiter:
            inside = {key[: key.index("/", len(Prefix)) + 1] for key in keys if "/" in key[len(Prefix) :]}
            yield {"CommonPrefixes": [{"Prefix": one} for one in sorted(inside)]}
            return
        yield {
            "Contents": [
                {"Key": key, "ETag": "x", "LastModified": self.objects[key][1], "Size": 1} for key in keys
            ]
        }

    def get_object(self, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.reads.append(Key)
        body, written = self.objects[Key]
        return {"Body": StreamingBody(BytesIO(body), len(body)), "LastModified": written}

    def get_item(self, Key: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        item = self.items.get(Key["OrderID"]["S"])
        return {"Item": item} if item else {}

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        ((table, request),) = RequestItems.items()
        wanted = [key["OrderID"]["S"] for key in request["Keys"]]
        found = [self.items[order_id] for order_id in wanted if order_id in self.items]
        return {"Responses": {table: found}, "UnprocessedKeys": {}}

    def _record(self, at: datetime, data: bytes) -> Record:
        self.numbers += 1
        return Record(f"{SHARD}:{self.numbers}", SHARD, str(self.numbers), "k", at, data)


def order(order_id: str, amount: str = "5", customer: str = "c") -> dict[str, Any]:
    return {"order_id": order_id, "customer_id": customer, "amount": amount}


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)
