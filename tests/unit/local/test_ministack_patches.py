"""What is patched in MiniStack's Kinesis, called in this process."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ministack.services import kinesis

from orderstream.local import ministack_patches

SHARD = "shardId-000000000000"


def answer(response: tuple[int, Any, Any]) -> dict[str, Any]:
    status, _, body = response
    assert status < 300, body
    found: dict[str, Any] = json.loads(body) if body else {}
    return found


@pytest.fixture(scope="module", autouse=True)
def patched() -> None:
    ministack_patches.PATCHES.apply()


@pytest.fixture
def stream() -> dict[str, Any]:
    kinesis.reset()
    answer(kinesis._create_stream({"StreamName": "s", "ShardCount": 1}))
    for number in range(6):
        data = base64.b64encode(b"%d" % number).decode()
        answer(kinesis._put_record({"StreamName": "s", "PartitionKey": "k", "Data": data}))
    found: dict[str, Any] = kinesis._streams["s"]
    return found


def expire(stream: dict[str, Any], count: int) -> None:
    for record in stream["shards"][SHARD]["records"][:count]:
        record["ApproximateArrivalTimestamp"] = 0


def read(iterator: str, limit: int) -> tuple[list[int], str]:
    page = answer(kinesis._get_records({"ShardIterator": iterator, "Limit": limit}))
    return [int(base64.b64decode(one["Data"])) for one in page["Records"]], page["NextShardIterator"]


@pytest.mark.parametrize(("expired", "following"), [(1, [3, 4, 5]), (3, [3, 4, 5]), (4, [4, 5])])
def test_records_that_expire_between_two_calls_hide_no_new_ones(
    stream: dict[str, Any], expired: int, following: list[int]
) -> None:
    where = {"StreamName": "s", "ShardId": SHARD, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = answer(kinesis._get_shard_iterator(where))["ShardIterator"]
    found, iterator = read(iterator, 3)
    assert found == [0, 1, 2]
    expire(stream, expired)
    assert read(iterator, 10)[0] == following


def test_the_shards_of_a_resized_stream_have_ids_that_were_not_used_before(stream: dict[str, Any]) -> None:
    answer(kinesis._update_shard_count({"StreamName": "s", "TargetShardCount": 2}))
    assert list(stream["shards"]) == ["shardId-000000000001", "shardId-000000000002"]
    assert kinesis._update_shard_count({"StreamName": "other", "TargetShardCount": 2})[0] == 400
