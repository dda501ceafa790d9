"""Reading a shard goes on from the last record read, whatever happens to its iterator."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_kinesis import KinesisClient

from orderstream.aws.kinesis_event import EventOrigin
from orderstream.local.esm.shard_reader import ShardReader
from orderstream.local.esm.shards import LATEST, TRIM_HORIZON, Position

ORIGIN = EventOrigin("arn:aws:kinesis:eu-west-1:000000000001:stream/s", "shardId-000000000000", "")


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "GetRecords")


class FakeKinesis:
    """One shard, whose iterators are the index to go on from, as MiniStack's are."""

    def __init__(self, *numbers: int) -> None:
        self.records = [
            {
                "SequenceNumber": f"{number:04}",
                "PartitionKey": "key",
                "Data": b"{}",
                "ApproximateArrivalTimestamp": datetime(2026, 11, 22, tzinfo=UTC),
            }
            for number in numbers
        ]
        self.is_closed = False
        self.errors: list[ClientError] = []
        self.places: list[str] = []
        self.expiring: list[int] = []

    def _expire(self) -> None:
        """Drop as many of the oldest records as the next entry of `expiring` says."""
        if self.expiring:
            del self.records[: self.expiring.pop(0)]

    def get_shard_iterator(self, **request: Any) -> dict[str, str]:
        kind, after = request["ShardIteratorType"], request.get("StartingSequenceNumber")
        self.places.append(after or kind)
        if after:
            first = sum(r["SequenceNumber"] < after for r in self.records)
            if kind == "AFTER_SEQUENCE_NUMBER":
                first = sum(r["SequenceNumber"] <= after for r in self.records)
            self._expire()
            return {"ShardIterator": str(first)}
        return {"ShardIterator": "0" if kind == "TRIM_HORIZON" else str(len(self.records))}

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


def read(of: ShardReader, limit: int = 100, *, expiring: bool = False) -> list[str]:
    return [record.sequence_number for record in of.read(limit, now=7.0, expiring=expiring).records]


def test_pages_follow_one_another() -> None:
    shard = reader(FakeKinesis(1, 2, 3))
    assert [read(shard, limit=2), read(shard, limit=2), read(shard)] == [["0001", "0002"], ["0003"], []]


@pytest.mark.parametrize(
    ("start", "first"),
    [(TRIM_HORIZON, "0001"), (LATEST, None), (Position("AFTER_SEQUENCE_NUMBER", "0002"), "0003")],
)
def test_reading_starts_where_it_is_told(start: Position, first: str | None) -> None:
    assert next(iter(read(reader(FakeKinesis(1, 2, 3), start))), None) == first


def test_a_record_knows_when_it_was_read_and_what_was_before_it() -> None:
    first, second = reader(FakeKinesis(1, 2)).read(10, now=7.0, expiring=False).records
    assert (first.before, second.before) == (None, "0001")
    assert (first.read_at, first.arrived_at) == (7.0, datetime(2026, 11, 22, tzinfo=UTC).timestamp())


def test_the_first_record_after_a_checkpoint_has_the_checkpoint_before_it() -> None:
    (record,) = (
        reader(FakeKinesis(1, 2), Position("AFTER_SEQUENCE_NUMBER", "0001"))
        .read(10, 0, expiring=False)
        .records
    )
    assert record.before == "0001"


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
    assert not shard.read(1, now=0, expiring=False).closed
    last = shard.read(1, now=0, expiring=False)
    assert (len(last.records), last.closed, last.vanished) == (1, True, False)


def test_a_closed_shard_ends_after_its_last_record_also_when_the_one_read_before_has_expired() -> None:
    kinesis = FakeKinesis(1, 2, 3, 4)
    shard = reader(kinesis)
    read(shard, limit=1)
    kinesis.is_closed = True
    kinesis.expiring = [1]
    pages = [shard.read(2, now=0, expiring=True) for _ in range(2)]
    found = [([record.sequence_number for record in page.records], page.closed) for page in pages]
    assert found == [(["0002", "0003"], False), (["0004"], True)]


def test_what_came_since_the_latest_place_was_looked_up_is_read_although_the_first_call_failed() -> None:
    kinesis = FakeKinesis(1)
    kinesis.errors = [error("ProvisionedThroughputExceededException")]
    shard = reader(kinesis, LATEST)
    with pytest.raises(ClientError):
        read(shard)
    kinesis.records += FakeKinesis(2).records
    assert read(shard) == ["0002"]


def test_a_shard_that_is_not_found_is_closed_too() -> None:
    kinesis = FakeKinesis(1)
    kinesis.errors = [error("ResourceNotFoundException")]
    page = reader(kinesis).read(10, now=0, expiring=False)
    assert (page.records, page.closed, page.vanished) == ((), True, True)


def test_records_that_expire_between_two_calls_hide_no_new_ones() -> None:
    kinesis = FakeKinesis(*range(1, 10))
    shard = reader(kinesis)
    read(shard, limit=6)
    kinesis.expiring = [2, 0]
    assert read(shard, expiring=True) == ["0007", "0008", "0009"]


def test_reading_goes_on_when_the_last_record_read_has_expired_itself() -> None:
    kinesis = FakeKinesis(*range(1, 10))
    shard = reader(kinesis)
    read(shard, limit=3)
    kinesis.expiring = [5]
    assert read(shard, limit=2, expiring=True) == ["0006", "0007"]
    assert read(shard, expiring=True) == ["0008", "0009"]
    assert read(shard, expiring=True) == []


def test_a_limit_leaves_room_beside_the_record_that_was_read_before() -> None:
    shard = reader(FakeKinesis(1, 2, 3))
    assert [read(shard, limit=1, expiring=True) for _ in range(4)] == [["0001"], ["0002"], ["0003"], []]


@pytest.mark.parametrize("given", [None, ""])
def test_a_record_without_a_partition_key_is_read(given: str | None) -> None:
    kinesis = FakeKinesis(1, 2)
    if given is None:
        del kinesis.records[0]["PartitionKey"]
    else:
        kinesis.records[0]["PartitionKey"] = given
    first, second = reader(kinesis).read(10, now=7.0, expiring=False).records
    assert (first.partition_key, second.partition_key) == (None, "key")
    assert (first.size, second.size) == (2, 5)
    assert json.loads(first.json)["kinesis"]["partitionKey"] is None
