"""Reading what the bucket keeps: the objects of a span of time, their lines, and the quarantine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.domain.object_keys import ORDERS
from orderstream.errors import DamagedError
from orderstream.pipeline.records import Record
from orderstream.recovery.quarantine import find, list_quarantined
from orderstream.storage import bucket, reader
from orderstream.storage.bucket import TimeRange
from tests.integration.pipeline_harness import Pipe

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def record(number: int, arrived_at: datetime, data: bytes = b"bad", shard: str = "shardId-1") -> Record:
    return Record(f"{shard}:{number}", shard, str(number), "k", arrived_at, data)


def test_the_objects_of_a_span_are_those_of_its_hours_and_their_lines_exact_to_the_moment(
    cloud: AwsClients,
) -> None:
    pipe = Pipe(cloud)
    for hour in range(-2, 3):
        pipe.process([record(10 + hour, NOON + timedelta(hours=hour, minutes=30))])

    def hours(span: TimeRange) -> list[int]:
        entries = bucket.list_by_hour(pipe.deployment, ORDERS, span)
        return [int(entry.key.partition("hour=")[2][:2]) for entry in entries]

    assert hours(TimeRange()) == [10, 11, 12, 13, 14]
    assert hours(TimeRange(since=NOON)) == [12, 13, 14]
    assert hours(TimeRange(until=NOON)) == [10, 11, 12], "an hour that began may hold something"
    assert hours(TimeRange(NOON + timedelta(minutes=59), NOON + timedelta(hours=1, minutes=1))) == [12, 13]

    pipe.process([record(100 + number, NOON + timedelta(seconds=number)) for number in range(5)])
    span = TimeRange(NOON + timedelta(seconds=1), NOON + timedelta(seconds=3))
    found = reader.lines(pipe.deployment, bucket.list_by_hour(pipe.deployment, ORDERS, span), span)
    assert [(one.line.event_id, one.number) for one in found] == [("shardId-1:101", 2), ("shardId-1:102", 3)]


def test_lines_with_a_text_are_found_a_damaged_object_is_named_and_one_that_went_away_left_out(
    cloud: AwsClients,
) -> None:
    pipe = Pipe(cloud)
    pipe.process([record(number, NOON, f"to find {number}".encode()) for number in range(20)])
    entries = list(bucket.archive(pipe.deployment))
    found = list(reader.search(pipe.deployment, entries, "to find 17"))
    assert [(one.number, one.line.raw_text) for one in found] == [(18, "to find 17")]
    assert list(reader.search(pipe.deployment, entries, 'a "quote"')) == []
    (key,) = pipe.keys(ORDERS)
    pipe.write(key, pipe.body(key)[:-9])
    with pytest.raises(DamagedError, match=key):
        list(reader.lines(pipe.deployment, entries))
    with pytest.raises(DamagedError, match=key):
        list(reader.search(pipe.deployment, entries, "to find"))
    # After it was listed.
    pipe.delete(key)
    assert list(reader.lines(pipe.deployment, entries)) == []


def test_in_quarantine_a_record_is_there_once_by_arrival_whatever_shard_it_came_from(
    cloud: AwsClients,
) -> None:
    pipe = Pipe(cloud)
    places = [
        ("shardId-2", 1, 0),
        ("shardId-1", 1, 5),
        ("shardId-3", 1, 7),
        ("shardId-1", 2, 70),
        ("shardId-2", 2, 71),
    ]
    some = [
        record(number, NOON + timedelta(minutes=minutes), shard=shard) for shard, number, minutes in places
    ]
    for shard in ("shardId-1", "shardId-2", "shardId-3"):
        pipe.process([one for one in some if one.shard_id == shard])
    # Delivered again, in another batch: it is listed once, and first what came first.
    pipe.process([some[3]])
    found = [entry.line.event_id for entry in list_quarantined(pipe.deployment)]
    assert found == [one.event_id for one in some]
    for event_id in found:
        assert find(pipe.deployment, event_id).line.event_id == event_id
