"""Reading a shard goes on from the last record read, whatever happens to its iterator."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_kinesis import KinesisClient

from orderstream.aws.kinesis_event import EventOrigin
from orderstream.local.esm.shard_reader import ShardReader
from orderstream.local.esm.shards import TRIM_HORIZON, Position

START = datetime(2026, 11, 22, tzinfo=UTC)
AT_2 = Position(timestamp=(START + timedelta(milliseconds=2)).timestamp())
ORIGIN = EventOrigin("arn:aws:kinesis:eu-west-1:000000000001:stream/s", "shardId-000000000000", "")


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "GetRecords")


class FakeKinesis:
    """One shard, whose iterators are the index to go on from, as MiniStack's are."""

    def __init__(self, *numbers: int) -> None:
        self.records: list[dict[str, Any]] = [
            {
                "SequenceNumber": f"{number:04}",
                "PartitionKey": "key",
                "Data": b"{}",
                "ApproximateArrivalTimestamp": START + timedelta(milliseconds=number),
            }
            for number in numbers
        ]
        self.is_closed = False
        self.errors: list[ClientError] = []
        self.places: list[str] = []

    def get_shard_iterator(self, **request: Any) -> dict[str, str]:
        kind, after = request["ShardIteratorType"], request.get("StartingSequenceNumber")
        self.places.append(after or kind)
        first = 0
        if kind == "AFTER_SEQUENCE_NUMBER":
            first = sum(r["SequenceNumber"] <= after for r in self.records)
        if kind == "AT_TIMESTAMP":
            # The SDK sends whole seconds.
            at = request["Timestamp"].replace(microsecond=0)
            first = sum(r["ApproximateArrivalTimestamp"] < at for r in self.records)
        return {"ShardIterator": str(first)}

    def get_records(self, **request: Any) -> dict[str, Any]:
        if self.errors:
            raise self.errors.pop(0)
        start = int(request["ShardIterator"])
        page = self.records[start : start + request["Limit"]]
        answer: dict[str, Any] = {"Records": page}
        if not self.is_closed or start + len(page) < len(self.records):
            answer["NextShardIterator"] = str(start + len(page))
        return answer


def reader(kinesis: FakeKinesis, start: Position = TRIM_HORIZON) -> ShardReader:
    return ShardReader(cast(KinesisClient, kinesis), ORIGIN, start)


def read(of: ShardReader, limit: int = 100) -> list[str]:
    return [record.sequence_number for record in of.read(limit, now=7.0).records]


def test_pages_follow_one_another() -> None:
    shard = reader(FakeKinesis(1, 2, 3))
    assert [read(shard, limit=2), read(shard, limit=2), read(shard)] == [["0001", "0002"], ["0003"], []]


@pytest.mark.parametrize(
    ("start", "first"),
    [(TRIM_HORIZON, "0001"), (AT_2, "0002"), (Position("0002"), "0003")],
)
def test_reading_starts_where_it_is_told(start: Position, first: str | None) -> None:
    assert next(iter(read(reader(FakeKinesis(1, 2, 3), start))), None) == first


def test_a_record_knows_when_it_was_read_and_what_was_before_it() -> None:
    first, second = reader(FakeKinesis(1, 2)).read(10, now=7.0).records
    assert (first.before, second.before) == (None, "0001")
    (after,) = reader(FakeKinesis(1, 2), Position("0001")).read(10, 0).records
    assert after.before == "0001"
    assert (first.read_at, first.arrived_at) == (7.0, (START + timedelta(milliseconds=1)).timestamp())


def test_an_expired_iterator_is_renewed_from_the_last_record_read() -> None:
    kinesis = FakeKinesis(1, 2, 3)
    shard = reader(kinesis)
    read(shard, limit=2)
    kinesis.errors = [error("ExpiredIteratorException")]
    assert read(shard) == ["0003"]
    assert kinesis.places == ["TRIM_HORIZON", "0002"]


def test_a_throttled_call_loses_nothing() -> None:
    kinesis = FakeKinesis(1, 2)
    kinesis.errors = [error("ProvisionedThroughputExceededException")]
    shard = reader(kinesis)
    with pytest.raises(ClientError):
        read(shard)
    assert read(shard) == ["0001", "0002"]


def test_a_shard_without_a_next_iterator_is_closed() -> None:
    kinesis = FakeKinesis(1, 2)
    kinesis.is_closed = True
    shard = reader(kinesis)
    assert not shard.read(1, now=0).closed
    last = shard.read(1, now=0)
    assert (len(last.records), last.closed, last.vanished) == (1, True, False)


def test_what_came_since_the_first_start_is_read_although_the_first_calls_failed() -> None:
    kinesis = FakeKinesis(1)
    kinesis.errors = [error("ProvisionedThroughputExceededException"), error("ExpiredIteratorException")]
    shard = reader(kinesis, AT_2)
    with pytest.raises(ClientError):
        read(shard)
    kinesis.records += FakeKinesis(2).records
    assert read(shard) == ["0002"]
    assert kinesis.places == ["AT_TIMESTAMP", "AT_TIMESTAMP"]


def test_a_shard_that_is_not_found_is_closed_too() -> None:
    kinesis = FakeKinesis(1)
    kinesis.errors = [error("ResourceNotFoundException")]
    page = reader(kinesis).read(10, now=0)
    assert (page.records, page.closed, page.vanished) == ((), True, True)


@pytest.mark.parametrize("given", [None, ""])
def test_a_record_without_a_partition_key_is_read(given: str | None) -> None:
    kinesis = FakeKinesis(1, 2)
    if given is None:
        del kinesis.records[0]["PartitionKey"]
    else:
        kinesis.records[0]["PartitionKey"] = given
    first, second = reader(kinesis).read(10, now=7.0).records
    assert (first.partition_key, second.partition_key) == (None, "key")
    assert (first.size, second.size) == (2, 5)
    assert json.loads(first.json)["kinesis"]["partitionKey"] is None
