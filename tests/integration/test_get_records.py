"""GetRecords parsed with msgspec is what botocore parses, and its errors stay those of the SDK."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.local.esm.shard_reader import parse_records_fast


@pytest.fixture
def both(cloud: AwsClients) -> list[Any]:
    """A client as it is, and one that parses with msgspec; the stream `s` exists."""
    fast = replace(cloud).kinesis
    parse_records_fast(fast)
    cloud.kinesis.create_stream(StreamName="s", ShardCount=1)
    return [cloud.kinesis, fast]


def read(client: Any) -> dict[str, Any]:
    iterator = client.get_shard_iterator(
        StreamName="s", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    answer: dict[str, Any] = client.get_records(ShardIterator=iterator)
    return answer


def test_the_records_are_the_same(both: list[Any]) -> None:
    plain, fast = (read(client) for client in both)
    assert plain["Records"] == fast["Records"] == []
    sent = [(b"\xff\xfe", "ключ"), (b"", "k"), (b"x" * 100_000, "\u0007")]
    both[0].put_records(StreamName="s", Records=[{"Data": data, "PartitionKey": key} for data, key in sent])
    plain, fast = (read(client) for client in both)
    names = ("SequenceNumber", "PartitionKey", "Data", "ApproximateArrivalTimestamp")
    assert fast["Records"] == [{name: record[name] for name in names} for record in plain["Records"]]
    assert len(fast["Records"]) == 3
    assert fast["NextShardIterator"] and fast["MillisBehindLatest"] == plain["MillisBehindLatest"]


def test_an_error_is_the_sdks(both: list[Any]) -> None:
    for client in both:
        with pytest.raises(client.exceptions.ExpiredIteratorException):
            client.get_records(ShardIterator="none")


def test_a_record_without_a_partition_key_is_read(both: list[Any]) -> None:
    record = {"SequenceNumber": "1", "Data": "e30=", "ApproximateArrivalTimestamp": 1.5}
    response = {"status_code": 200, "body": json.dumps({"Records": [record]}).encode()}
    parsed: dict[str, Any] = {}
    both[1].meta.events.emit(
        "before-parse.kinesis.GetRecords", response_dict=response, customized_response_dict=parsed
    )
    (found,) = parsed["Records"]
    assert (found["SequenceNumber"], found["Data"]) == ("1", b"{}")
    assert "PartitionKey" not in found
