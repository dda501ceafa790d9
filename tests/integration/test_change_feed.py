"""The change feed in the local cloud: the deployed functions, real streams, and a kill in the middle."""

from __future__ import annotations

import json
import signal
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orderstream.aws.deployment import Deployment
from orderstream.domain.fold import version_of
from tests.integration.conftest import awaited
from tests.integration.stored_orders import deployment_of, stored
from tests.integration.up import up

pytestmark = pytest.mark.system

Announced = dict[str, list[dict[str, Any]]]


def announced(deployment: Deployment) -> Announced:
    """What is on the stream of changes by order, in its order, without duplicates."""
    kinesis, stream = deployment.cloud.kinesis, deployment.changes_stream
    found: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator: str | None = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = [None]
        while iterator and records:
            answer: Any = kinesis.get_records(ShardIterator=iterator)
            iterator, records = answer.get("NextShardIterator"), answer["Records"]
            for record in answer["Records"]:
                one = json.loads(record["Data"], parse_float=Decimal)
                assert record["PartitionKey"] == one["subject"]
                found[one["subject"]].setdefault(one["id"], one)
    return {order_id: list(ones.values()) for order_id, ones in found.items()}


def is_told(deployment: Deployment) -> bool:
    """Whether every order's newest version is announced."""
    told = {order_id: ones[-1]["data"]["version"] for order_id, ones in announced(deployment).items()}
    return told == {order_id: version_of(item) for order_id, item in stored(deployment).items()}


def test_a_consumer_sees_every_version_in_order_though_everything_is_killed_in_between(
    tmp_path: Path,
) -> None:
    state = ("--state-dir", str(tmp_path / "cloud"))
    simulate = (
        "stack",
        "simulate",
        "--rate",
        "60",
        "--duration",
        "5",
        "--lives",
        "--duplicate-share",
        "0.05",
    )
    with up(tmp_path, "--empty", *state) as first:
        orders = first.await_ready()
        parameters = ("--parameter", "ChangeFeed=true", "--parameter", "ChangeFeedShardCount=2")
        orders("deploy", "--yes", *parameters)
        orders(*simulate, "--seed", "1")
        awaited(lambda: announced(deployment_of(orders)))
        orders(*simulate, "--seed", "2")
        assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    with up(tmp_path, *state) as second:
        orders = second.await_ready()
        deployment = deployment_of(orders)
        orders(*simulate, "--seed", "3")
        orders("send", '{"order_id": "last", "customer_id": "c", "amount": 1}')
        awaited(lambda: "last" in stored(deployment) and is_told(deployment), 60)
        assert json.loads(orders("stack", "verify", "--json").stdout)["discrepancies"] == []
        items = stored(deployment)
        for order_id, ones in announced(deployment).items():
            versions = range(1, version_of(items[order_id]) + 1)
            assert [one["id"] for one in ones] == [f"{order_id}/{version}" for version in versions]
            last = ones[-1]["data"]["order"]
            for name in ("Status", "Total", "Captured", "Refunded", "Balance"):
                if name in items[order_id]:
                    assert last[name] == items[order_id][name]
        assert "C0" not in json.dumps(announced(deployment), default=str)
