"""Reading a DynamoDB stream goes on from the last record read, whatever happens to its iterator."""

from __future__ import annotations

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.local.esm.dynamodb_reader import DynamoDBReader
from orderstream.local.esm.lanes import Rules, lane_for
from orderstream.local.esm.mapping import Mapping
from orderstream.local.esm.shards import TRIM_HORIZON, Position, Shard
from orderstream.local.esm.sources import list_shards

ARN = "arn:aws:dynamodb:eu-west-1:000000000001:table/Orders/stream/2026-11-30T09:08:50.123"


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "GetRecords")


class FakeStreams:
    """One shard, whose iterators are the number after which they go on. Numbers up to `trimmed` are gone."""

    def __init__(self, *numbers: int) -> None:
        self.records: list[dict[str, Any]] = [record(number) for number in numbers]
        self.trimmed = 0
        self.is_closed = False
        self.errors: list[ClientError] = []
        self.places: list[str] = []
        self.limits: list[int] = []

    def get_shard_iterator(self, **request: str) -> dict[str, str]:
        assert (request["StreamArn"], request["ShardId"]) == (ARN, "shardId-0")
        kind = request["ShardIteratorType"]
        self.places.append(request.get("SequenceNumber", kind))
        after = int(request.get("SequenceNumber", self.trimmed))
        if after < self.trimmed:
            raise error("TrimmedDataAccessException")
        return {"ShardIterator": str(after)}

    def get_records(self, ShardIterator: str, Limit: int) -> dict[str, Any]:
        self.limits.append(Limit)
        if self.errors:
            raise self.errors.pop(0)
        after = int(ShardIterator)
        if after < self.trimmed:
            raise error("TrimmedDataAccessException")
        page = [one for one in self.records if number_of(one) > after][:Limit]
        last = number_of(page[-1]) if page else after
        answer: dict[str, Any] = {"Records": page}
        if not self.is_closed or last < number_of(self.records[-1]):
            answer["NextShardIterator"] = str(last)
        return answer


def record(number: int, key: str = "a") -> dict[str, Any]:
    return {
        "eventID": "0",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": {
            "ApproximateCreationDateTime": number,
            "Keys": {"id": {"S": key}},
            "SequenceNumber": str(number),
            "SizeBytes": 5,
            "StreamViewType": "KEYS_ONLY",
        },
    }


def number_of(found: dict[str, Any]) -> int:
    return int(found["dynamodb"]["SequenceNumber"])


def reader(streams: FakeStreams, start: Position = TRIM_HORIZON) -> DynamoDBReader:
    return DynamoDBReader(streams, ARN, "shardId-0", start)


def read(of: DynamoDBReader, limit: int = 100) -> list[str]:
    return [found.sequence_number for found in of.read(limit, now=7.0).records]


def test_pages_follow_one_another_also_where_the_numbers_gain_a_digit() -> None:
    shard = reader(FakeStreams(8, 9, 10))
    assert [read(shard, limit=2), read(shard, limit=2), read(shard)] == [["8", "9"], ["10"], []]


def test_a_record_knows_when_it_was_read_and_what_was_before_it() -> None:
    first, second = reader(FakeStreams(8, 9)).read(10, now=7.0).records
    assert [(one.before, one.read_at, one.arrived_at, one.size) for one in (first, second)] == [
        (None, 7.0, 8, 5),
        ("8", 7.0, 9, 5),
    ]


@pytest.mark.parametrize(
    ("start", "found"),
    [
        (TRIM_HORIZON, ["8", "9", "10"]),
        (Position("8"), ["9", "10"]),
        # Creation times are whole seconds, so all of the second in which it started.
        (Position(timestamp=9.7), ["9", "10"]),
    ],
)
def test_reading_starts_where_it_is_told(start: Position, found: list[str]) -> None:
    assert read(reader(FakeStreams(8, 9, 10), start)) == found


def test_an_expired_iterator_is_renewed_from_the_last_record_read() -> None:
    streams = FakeStreams(8, 9, 10)
    shard = reader(streams)
    read(shard, limit=2)
    streams.errors = [error("ExpiredIteratorException")]
    assert read(shard) == ["10"]
    assert streams.places == ["TRIM_HORIZON", "9"]


@pytest.mark.parametrize("has_iterator", [False, True])
def test_a_position_whose_record_has_expired_goes_on_with_the_oldest_record(has_iterator: bool) -> None:
    streams = FakeStreams(8)
    shard = reader(streams, Position("8"))
    if has_iterator:
        assert read(shard) == []
    streams.records += [record(9), record(10)]
    streams.trimmed = 9
    assert read(shard) == ["10"]


def test_a_record_that_was_read_is_not_read_again_from_the_oldest_one() -> None:
    streams = FakeStreams(8, 9, 10)
    streams.errors = [error("TrimmedDataAccessException")]
    assert read(reader(streams, Position("9"))) == ["10"]


def test_a_failed_call_loses_nothing() -> None:
    streams = FakeStreams(8, 9)
    streams.errors = [error("InternalServerError")]
    shard = reader(streams)
    with pytest.raises(ClientError):
        read(shard)
    assert read(shard) == ["8", "9"]


def test_a_shard_without_a_next_iterator_is_closed() -> None:
    streams = FakeStreams(8, 9)
    streams.is_closed = True
    shard = reader(streams)
    assert not shard.read(1, now=0).closed
    last = shard.read(1, now=0)
    assert (len(last.records), last.closed, last.vanished) == (1, True, False)


def test_the_changes_of_an_item_share_a_lane_however_its_key_is_written() -> None:
    streams = FakeStreams()
    for number, names in enumerate(("pk sk", "sk pk"), start=1):
        one = record(number)
        one["dynamodb"]["Keys"] = {name: {"S": name} for name in names.split()}
        streams.records.append(one)
    streams.records += [record(number, key=str(number)) for number in range(3, 50)]
    lanes = [lane_for(one, 10) for one in reader(streams).read(100, 0).records]
    assert lanes[0] == lanes[1] and len(set(lanes)) == 10


def test_all_pages_of_the_list_of_shards_are_read() -> None:
    class Described:
        @property
        def dynamodb_streams(self) -> Described:
            return self

        def describe_stream(self, StreamArn: str, ExclusiveStartShardId: str = "") -> dict[str, Any]:
            if ExclusiveStartShardId:
                return {"StreamDescription": {"Shards": [{"ShardId": "b", "ParentShardId": "a"}]}}
            return {"StreamDescription": {"Shards": [{"ShardId": "a"}], "LastEvaluatedShardId": "a"}}

    mapping = Mapping("m", ARN, "", "f", "", "", TRIM_HORIZON, Rules(), counts_events=False)
    assert (mapping.table_name, mapping.stream_name) == ("Orders", "2026-11-30T09:08:50.123")
    assert list_shards(cast(AwsClients, Described()), mapping) == [Shard("a"), Shard("b", ("a",))]
