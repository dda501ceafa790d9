"""Batches that Lambda discarded."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from orderstream.local.cloud import LocalCloud
from orderstream.pipeline.records import Record
from tests.integration.conftest import Orders
from tests.integration.pipeline_harness import give_up


def given_up(order_ids: list[str], *more: bytes) -> list[Record]:
    """Records as if AWS had given them up before they were ever processed."""
    number = uuid.uuid4().int % 10**20
    orders = [json.dumps({"order_id": one, "customer_id": "c", "amount": 1}).encode() for one in order_ids]
    now = datetime.now(UTC).replace(microsecond=0)
    shard_id = "shardId-000000000077"
    return [
        Record(f"{shard_id}:{number + place}", shard_id, str(number + place), "k", now, data)
        for place, data in enumerate((*orders, *more))
    ]


def failures_by_place(orders: Orders, *options: str) -> dict[str, dict[str, Any]]:
    found = map(json.loads, orders("dead-letters", "list", "--json", *options).stdout.splitlines())
    return {one["place"]: one for one in found}


def given_up_at(local: LocalCloud, records: list[Record]) -> str:
    """Leave a batch where Lambda leaves it; returns its place."""
    key = give_up(local.deployment, records)
    return f"s3://{local.deployment.discarded_bucket}/{key}"
