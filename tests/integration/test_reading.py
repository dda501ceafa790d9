"""Reading what is kept: the stream as far as it is retained, and the bucket's objects of a span of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.domain.object_keys import ORDERS, QUARANTINE
from orderstream.errors import DamagedError
from orderstream.pipeline.records import Record
from orderstream.recovery.quarantine import find, list_quarantined
from orderstream.storage import bucket, reader, stream
from orderstream.storage.bucket import TimeRange
from tests.integration.pipeline_harness import Pipe

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def record(number: int, arrived_at: datetime, data: bytes = b"bad", shard: str = "shardId-1") -> Record:
    return Record(f"{shard}:{number}", shard, str(number), "k", arrived_at, data)


def numbers(found: list[Record]) -> list[str]:
    return [one.data.decode() for one in found]


def test_the_stream_is_read_from_its_beginning_to_where_it_ended_at_the_call(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.put(*(str(number) for number in range(1234)))
    assert numbers(list(stream.records(pipe.deployment))) == [str(number) for number in range(1234)]


def test_a_part_of_the_stream_is_from_since_to_before_until_or_a_range_with_both_its_ends(
    cloud: AwsClients,
) -> None:
    pipe = Pipe(cloud)
    for text in ("a", "b", "c"):
        pipe.put(text)
    first, second, third = pipe.records()
    assert first.arrived_at < second.arrived_at < third.arrived_at

    def read(since: datetime | None, until: datetime | None) -> list[str]:
        return numbers(list(stream.records(pipe.deployment, TimeRange(since, until))))

    assert read(second.arrived_at, None) == ["b", "c"]
    assert read(None, third.arrived_at) == ["a", "b"]
    assert read(second.arrived_at, third.arrived_at) == ["b"]
    assert read(datetime.now(UTC) + timedelta(hours=1), None) == []

    found = stream.shard_records(
        pipe.deployment, first.shard_id, first.sequence_number, second.sequence_number
    )
    assert numbers(list(found)) == ["a", "b"]
    assert list(stream.shard_records(pipe.deployment, "shardId-000000000099", "1", "9")) == []


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


def test_in_quarantine_a_record_is_there_once_however_often_it_was_delivered(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    records = [record(number, NOON) for number in range(1, 7)]
    pipe.process(records)
    pipe.process(records[2:])
    pipe.process([records[0], records[5]])
    assert len(pipe.keys(QUARANTINE)) == 3
    found = [entry.line.event_id for entry in list_quarantined(pipe.deployment)]
    assert sorted(found) == [one.event_id for one in records]
    for one in records:
        assert find(pipe.deployment, one.event_id).line.event_id == one.event_id


def test_lines_with_a_text_are_found_and_the_others_not_decoded(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.process([record(number, NOON, f"to find {number}".encode()) for number in range(20)])
    entries = list(bucket.archive(pipe.deployment))
    found = list(reader.search(pipe.deployment, entries, "to find 17"))
    assert [(one.number, one.line.raw_text) for one in found] == [(18, "to find 17")]
    assert list(reader.search(pipe.deployment, entries, 'a "quote"')) == []


def test_a_damaged_object_is_named_and_one_that_went_away_after_it_was_listed_is_left_out(
    cloud: AwsClients,
) -> None:
    pipe = Pipe(cloud)
    pipe.process([record(1, NOON)])
    (key,) = pipe.keys(ORDERS)
    pipe.write(key, pipe.body(key)[:-9])
    entries = list(bucket.archive(pipe.deployment))
    with pytest.raises(DamagedError, match=key):
        list(reader.lines(pipe.deployment, entries))
    with pytest.raises(DamagedError, match=key):
        list(reader.search(pipe.deployment, entries, "x"))
    pipe.delete(key)
    assert list(reader.lines(pipe.deployment, entries)) == []


def test_the_quarantine_is_listed_by_arrival_whatever_shard_it_came_from(cloud: AwsClients) -> None:
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
    found = list(list_quarantined(pipe.deployment))
    assert [one.line.event_id for one in found] == [one.event_id for one in some]
