"""What Kinesis pushes is read once each and in order, however often the subscription ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, HTTPClientError
from mypy_boto3_kinesis import KinesisClient
from urllib3.exceptions import ProtocolError

from orderstream.aws.kinesis_event import EventOrigin
from orderstream.local.esm.shard_reader import RecordsPage
from orderstream.local.esm.shards import TRIM_HORIZON, Position
from orderstream.local.esm.subscription import Subscription
from orderstream.sdk.errors import is_transient

STREAM = "arn:aws:kinesis:eu-west-1:000000000001:stream/s"
ORIGIN = EventOrigin(STREAM, "shardId-000000000000", "")
ARRIVED = datetime(2026, 11, 22, tzinfo=UTC)
Happening = dict[str, Any] | Exception


def error(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "SubscribeToShard")


def event(
    *numbers: int, continuation: int | None = None, children: bool = False, leads_on: bool = True
) -> dict[str, Any]:
    records = [
        {
            "SequenceNumber": f"{number:04}",
            "PartitionKey": "key",
            "Data": b"{}",
            "ApproximateArrivalTimestamp": ARRIVED,
        }
        for number in numbers
    ]
    pushed: dict[str, Any] = {
        "Records": records,
        "ContinuationSequenceNumber": f"{numbers[-1] if numbers else continuation or 0:04}",
    }
    if not leads_on:
        del pushed["ContinuationSequenceNumber"]
    if children:
        pushed["ChildShards"] = [{"ShardId": "shardId-000000000001"}]
    return {"SubscribeToShardEvent": pushed}


class Events:
    """The events of one subscription; the last may be what broke it."""

    def __init__(self, happenings: list[Happening]) -> None:
        self._happenings = happenings
        self.closed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for happening in self._happenings:
            if isinstance(happening, Exception):
                raise happening
            yield happening

    def close(self) -> None:
        self.closed = True


class FakeKinesis:
    """Answers each call with the next of the subscriptions, or refuses it with an error."""

    def __init__(self, *subscriptions: list[Happening] | ClientError) -> None:
        self._left = list(subscriptions)
        self.places: list[dict[str, str]] = []
        self.given: list[Events] = []

    def subscribe_to_shard(self, **request: Any) -> dict[str, Events]:
        self.places.append(request["StartingPosition"])
        answer = self._left.pop(0)
        if isinstance(answer, ClientError):
            raise answer
        self.given.append(Events(answer))
        return {"EventStream": self.given[-1]}


def subscription(kinesis: FakeKinesis, start: Position = TRIM_HORIZON) -> Subscription:
    return Subscription(cast(KinesisClient, kinesis), ORIGIN, f"{STREAM}/consumer/c:1", start)


def page(of: Subscription, limit: int = 100) -> RecordsPage:
    return of.read(limit, now=7.0)


def read(of: Subscription, limit: int = 100) -> list[str]:
    return [record.sequence_number for record in page(of, limit).records]


def all_read(of: Subscription, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        found += read(of)
    return found


def test_what_is_pushed_is_read_in_pages_as_large_as_asked_for() -> None:
    shard = subscription(FakeKinesis([event(1, 2, 3)]))
    assert [read(shard, limit=2), read(shard, limit=2)] == [["0001", "0002"], ["0003"]]


def test_a_record_knows_when_it_was_read_and_what_was_before_it() -> None:
    shard = subscription(FakeKinesis([event(1, 2)]), Position("0000"))
    first, second = page(shard).records
    assert [(one.before, one.read_at, one.size) for one in (first, second)] == [
        ("0000", 7.0, 5),
        ("0001", 7.0, 5),
    ]


def test_a_subscription_that_has_ended_is_renewed_behind_the_last_event() -> None:
    kinesis = FakeKinesis([event(1, 2)], [event(3)])
    assert all_read(subscription(kinesis), 3) == ["0001", "0002", "0003"]
    assert kinesis.places == [
        {"Type": "TRIM_HORIZON"},
        {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "0002"},
    ]
    assert kinesis.given[0].closed


def test_a_subscription_goes_on_behind_the_last_event_even_if_that_had_no_records() -> None:
    kinesis = FakeKinesis([event(continuation=7)], [event(8)])
    assert all_read(subscription(kinesis), 1) == ["0008"]
    assert kinesis.places[1] == {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "0007"}


@pytest.mark.parametrize("broken", [ProtocolError("reset"), error("ResourceInUseException")])
def test_a_subscription_that_breaks_before_its_first_event_starts_again_at_the_same_time(
    broken: Exception,
) -> None:
    latest = Position(timestamp=ARRIVED.timestamp())
    kinesis = FakeKinesis([broken], [event(1)])
    shard = subscription(kinesis, latest)
    with pytest.raises((HTTPClientError, ClientError)):
        read(shard)
    assert all_read(shard, 1) == ["0001"]
    assert kinesis.places == [{"Type": "AT_TIMESTAMP", "Timestamp": ARRIVED}] * 2


@pytest.mark.parametrize("broken", [ProtocolError("reset"), error("ResourceInUseException")])
def test_a_subscription_that_breaks_is_a_fault_that_passes_and_loses_nothing(broken: Exception) -> None:
    shard = subscription(FakeKinesis([event(1), broken], [event(2)]))
    assert all_read(shard, 1) == ["0001"]
    with pytest.raises((HTTPClientError, ClientError)) as caught:
        while True:
            assert read(shard) == []
    assert is_transient(caught.value)
    assert all_read(shard, 1) == ["0002"]


def test_the_end_of_a_shard_comes_after_its_last_record() -> None:
    shard = subscription(FakeKinesis([event(1), event(continuation=1, children=True)]))
    first = page(shard)
    while not first.records:
        first = page(shard)
    assert not first.closed
    last = page(shard)
    while not last.closed:
        last = page(shard)
    assert (last.records, last.vanished) == ((), True)


@pytest.mark.parametrize("children", [True, False])
def test_the_last_event_of_a_closed_shard_has_no_place_to_go_on_from(children: bool) -> None:
    shard = subscription(FakeKinesis([event(1), event(2, children=children, leads_on=False)]))
    assert all_read(shard, 2) == ["0001", "0002"]
    last = page(shard)
    while not last.closed:
        last = page(shard)
    assert last.records == ()


def test_a_shard_that_is_gone_is_closed_too() -> None:
    gone = error("ResourceNotFoundException", "Shard shardId-000000000000 in stream s not found")
    assert page(subscription(FakeKinesis(gone))) == RecordsPage((), closed=True, vanished=True)


def test_a_consumer_that_is_gone_is_an_error_that_does_not_pass() -> None:
    gone = error("ResourceNotFoundException", "Consumer c not found")
    with pytest.raises(ClientError) as caught:
        page(subscription(FakeKinesis(gone)))
    assert not is_transient(caught.value)
