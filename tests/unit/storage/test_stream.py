"""Reading the stream ends where the stream ends, however the service tells how far that is."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orderstream.errors import CloudError
from orderstream.storage import stream
from orderstream.storage.bucket import TimeRange
from orderstream.testing.fakes import client_error
from tests.fakes import deployment_on

NOW = datetime.now(UTC)
SHARD = "shardId-000000000000"


@dataclass
class FakeShard:
    """A shard with records (number, time of arrival); `children` are listed once it was read to its end."""

    records: Sequence[tuple[int, datetime]]
    is_closed: bool = False
    children: dict[str, FakeShard] = field(default_factory=dict)


class FakeKinesis:
    """A stream whose answers have at most `page` records, and say how far behind they are as told.

    An answer of `empty` (by number) has no records and leads on; an answer of `errors` fails.
    """

    def __init__(
        self,
        shards: dict[str, FakeShard],
        *,
        page: int = 2,
        always_at_tip: bool = False,
        empty: Iterable[int] = (),
        errors: dict[int, str] | None = None,
    ) -> None:
        self.shards = shards
        self._page = page
        self._always_at_tip = always_at_tip
        self._empty = set(empty)
        self._errors = errors or {}
        self.answers = 0

    def get_paginator(self, operation: str) -> FakeKinesis:
        assert operation == "list_shards"
        return self

    def paginate(self, StreamName: str) -> list[dict[str, Any]]:
        return [{"Shards": [{"ShardId": shard_id} for shard_id in self.shards]}]

    def get_shard_iterator(self, **request: Any) -> dict[str, str]:
        shard, kind = self.shards[request["ShardId"]], request["ShardIteratorType"]
        if kind == "AT_TIMESTAMP":
            first = next(
                (n for n, (_, at) in enumerate(shard.records) if at >= request["Timestamp"]),
                len(shard.records),
            )
        elif kind == "TRIM_HORIZON":
            first = 0
        else:
            place = int(request["StartingSequenceNumber"])
            passed = place if kind == "AFTER_SEQUENCE_NUMBER" else place - 1
            first = sum(number <= passed for number, _ in shard.records)
        return {"ShardIterator": f"{request['ShardId']} {first}"}

    def get_records(self, ShardIterator: str, Limit: int) -> dict[str, Any]:
        self.answers += 1
        if code := self._errors.get(self.answers):
            raise client_error(code)
        shard_id, _, start = ShardIterator.partition(" ")
        shard = self.shards[shard_id]
        first = int(start)
        last = first if self.answers in self._empty else min(first + self._page, len(shard.records))
        left = len(shard.records) - last
        answer: dict[str, Any] = {
            "Records": [
                {
                    "SequenceNumber": str(number),
                    "PartitionKey": "key",
                    "Data": b"{}",
                    "ApproximateArrivalTimestamp": at,
                }
                for number, at in shard.records[first:last]
            ],
            "MillisBehindLatest": 0 if self._always_at_tip or not left else 1000 * left,
        }
        if left or not shard.is_closed:
            answer["NextShardIterator"] = f"{shard_id} {last}"
        else:
            self.shards |= shard.children
        return answer


class FakeCloud:
    def __init__(self, kinesis: FakeKinesis) -> None:
        self.kinesis = kinesis

    def now(self) -> datetime:
        return NOW


def shard(*numbers: int, closed: bool = False, children: dict[str, FakeShard] | None = None) -> FakeShard:
    return FakeShard(
        [(number, NOW - timedelta(hours=1, seconds=-number)) for number in numbers], closed, children or {}
    )


def no_sleep(seconds: float) -> None:
    pass


def read(kinesis: FakeKinesis, span: TimeRange | None = None) -> list[int]:
    found = stream.records(deployment_on(FakeCloud(kinesis)), span or TimeRange(), sleep=no_sleep)
    return [int(record.sequence_number) for record in found]


def read_between(kinesis: FakeKinesis, first: int, last: int) -> list[int]:
    found = stream.shard_records(
        deployment_on(FakeCloud(kinesis)), SHARD, str(first), str(last), sleep=no_sleep
    )
    return [int(record.sequence_number) for record in found]


@pytest.mark.parametrize("closed", [False, True])
def test_a_page_that_is_said_to_be_the_latest_is_not_the_end_while_more_comes(closed: bool) -> None:
    kinesis = FakeKinesis({SHARD: shard(1, 2, 3, 4, 5, closed=closed)}, always_at_tip=True)
    assert read(kinesis) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("closed", [False, True])
def test_the_records_up_to_a_number_are_read_whatever_a_page_says_of_the_latest(closed: bool) -> None:
    kinesis = FakeKinesis({SHARD: shard(1, 2, 3, 4, 5, 6, closed=closed)}, always_at_tip=True)
    assert read_between(kinesis, 2, 5) == [2, 3, 4, 5]


def test_an_empty_page_on_the_way_is_not_the_end() -> None:
    kinesis = FakeKinesis({SHARD: shard(1, 2, 3, 4, 5)}, empty={1, 3})
    assert read(kinesis) == [1, 2, 3, 4, 5]
    assert read_between(FakeKinesis({SHARD: shard(1, 2, 3, 4)}, empty={1}), 2, 4) == [2, 3, 4]


def test_an_open_shard_ends_with_an_empty_page_at_its_tip() -> None:
    kinesis = FakeKinesis({SHARD: shard(1, 2)})
    assert read(kinesis) == [1, 2]
    assert kinesis.answers == 2


def test_a_closed_shard_ends_where_no_iterator_leads_on() -> None:
    kinesis = FakeKinesis({SHARD: shard(1, 2, 3, closed=True)})
    assert read(kinesis) == [1, 2, 3]
    assert kinesis.answers == 2


def test_the_shards_that_a_split_makes_while_it_is_read_are_read_after_their_parent() -> None:
    grandchild = {"shardId-000000000003": shard(7)}
    children = {
        "shardId-000000000001": shard(4, 5, 6),
        "shardId-000000000002": shard(3, closed=True, children=grandchild),
    }
    kinesis = FakeKinesis({SHARD: shard(1, 2, closed=True, children=children)})
    found = read(kinesis)
    assert found[:2] == [1, 2]
    assert sorted(found) == [1, 2, 3, 4, 5, 6, 7]


def test_an_iterator_that_expired_is_renewed_behind_the_last_record_read() -> None:
    for failed in (1, 2, 3):
        kinesis = FakeKinesis({SHARD: shard(1, 2, 3, 4)}, errors={failed: "ExpiredIteratorException"})
        assert read(kinesis) == [1, 2, 3, 4]
        kinesis = FakeKinesis({SHARD: shard(1, 2, 3, 4)}, errors={failed: "ExpiredIteratorException"})
        assert read_between(kinesis, 2, 4) == [2, 3, 4]


def test_a_throttled_call_loses_nothing() -> None:
    kinesis = FakeKinesis({SHARD: shard(1, 2, 3)}, errors={2: "ProvisionedThroughputExceededException"})
    assert read(kinesis) == [1, 2, 3]


def test_another_error_is_one_of_ours() -> None:
    with pytest.raises(CloudError, match="cannot read shardId-000000000000 of stream S"):
        read(FakeKinesis({SHARD: shard(1)}, errors={1: "AccessDeniedException"}))


def test_one_record_from_after_the_span_does_not_hide_those_that_come_behind_it() -> None:
    early, late = NOW - timedelta(hours=2), NOW - timedelta(minutes=1)
    kinesis = FakeKinesis({SHARD: FakeShard([(1, early), (2, late), (3, early), (4, late), (5, late)])})
    assert read(kinesis, TimeRange(None, NOW - timedelta(hours=1))) == [1, 3]


def test_a_record_from_before_the_span_is_left_out_though_it_comes_in_between() -> None:
    early, within = NOW - timedelta(hours=2), NOW - timedelta(minutes=1)
    kinesis = FakeKinesis({SHARD: FakeShard([(1, early), (2, within), (3, early), (4, within)])})
    assert read(kinesis, TimeRange(NOW - timedelta(hours=1), None)) == [2, 4]


def test_reading_ends_although_records_keep_coming() -> None:
    busy = FakeShard([(number, NOW + timedelta(hours=1, seconds=number)) for number in range(1, 1000)])
    busy.records = [(0, NOW - timedelta(hours=1)), *busy.records]
    kinesis = FakeKinesis({SHARD: busy})
    assert read(kinesis) == [0]
    assert kinesis.answers == 2


class KeylessKinesis(FakeKinesis):
    """A stream on which producers put no partition keys."""

    def get_records(self, ShardIterator: str, Limit: int) -> dict[str, Any]:
        answer = super().get_records(ShardIterator, Limit)
        for record in answer["Records"]:
            del record["PartitionKey"]
        return answer


def test_records_without_a_partition_key_are_read() -> None:
    deployment = deployment_on(FakeCloud(KeylessKinesis({SHARD: shard(1, 2, 3)})))
    found = list(stream.records(deployment, sleep=no_sleep))
    assert [(one.sequence_number, one.partition_key) for one in found] == [
        ("1", None),
        ("2", None),
        ("3", None),
    ]


class ReshardedKinesis(FakeKinesis):
    """A stream that was split before it is read: the list has the children at once, with their parent."""

    def paginate(self, StreamName: str) -> list[dict[str, Any]]:
        (parent, *children) = self.shards
        return [
            {"Shards": [{"ShardId": child, "ParentShardId": parent} for child in children]},
            {"Shards": [{"ShardId": parent, "ParentShardId": "shardId-that-is-gone"}]},
        ]


def test_the_shards_of_a_stream_that_was_split_before_are_read_after_their_parent() -> None:
    shards = {SHARD: shard(1, 2, 3, closed=True), "shardId-000000000001": shard(4), "shardId-2": shard(5)}
    assert read(ReshardedKinesis(shards)) == [1, 2, 3, 4, 5]


def test_following_goes_on_with_what_arrives_and_with_the_shards_of_a_split() -> None:
    early, late = NOW - timedelta(hours=2), NOW - timedelta(minutes=1)
    open_shard = FakeShard([(1, early), (2, late), (3, late)])
    kinesis = FakeKinesis({SHARD: open_shard}, errors={2: "ProvisionedThroughputExceededException"})
    pages = stream.follow(deployment_on(FakeCloud(kinesis)), NOW - timedelta(hours=1), sleep=no_sleep)

    def following(count: int) -> list[int]:
        return [int(one.sequence_number) for page in itertools.islice(pages, count) for one in page]

    assert following(4) == [2, 3]
    open_shard.records = [*open_shard.records, (4, NOW)]
    assert following(2) == [4]
    open_shard.is_closed = True
    open_shard.children = {"shardId-000000000001": FakeShard([(5, NOW)])}
    assert following(4) == [5]
