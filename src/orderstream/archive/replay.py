"""Replay: send events of the archive to the table or onto the stream again. Harmless if repeated (G7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby
from typing import Protocol

from orderstream.aws.deployment import Deployment
from orderstream.domain.decode import decode
from orderstream.domain.object_keys import ARCHIVE, COMPACTED, hour_prefix_of, is_compacted, shard_range
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes
from orderstream.progress import Progress, no_progress
from orderstream.storage import bucket, parquet, reader
from orderstream.storage.bucket import ALL_TIME, FETCHED_AHEAD, ObjectSummary, TimeRange
from orderstream.storage.parquet import LocatedLine

EVENTS_AT_A_TIME = 500

# Positions of hours, and of objects with one order each, which sort after all hours.
_HOUR = "hour "
_SINGLE = "single "


@dataclass(frozen=True)
class Selection:
    """Which events: those that arrived in `span`, optionally of one customer or one order."""

    span: TimeRange = ALL_TIME
    customer_id: str | None = None
    order_id: str | None = None

    def holds(self, line: ArchiveLine) -> bool:
        """Whether the event in this line is selected."""
        if not self.span.contains(line.arrived_at):
            return False
        if self.order_id is not None and self.order_id not in (line.order_id, line.event_id):
            return False
        if self.customer_id is None:
            return True
        order = decode(original_bytes(line)).order
        return order is not None and order.customer_id == self.customer_id


@dataclass(frozen=True)
class Event:
    """An event of the archive: its line, and the object that contains it."""

    line: ArchiveLine
    key: str


@dataclass
class ReplayResult:
    """Events read, `duplicates_skipped` that were also in another object, and the outcomes of the others.

    `conflicts` and `invalid` records have been in quarantine since they first arrived, and stay there.
    `damaged` lists the objects that could not be read to their end.
    """

    read: int = 0
    duplicates_skipped: int = 0
    stored: int = 0
    duplicates: int = 0
    sent: int = 0
    conflicts: int = 0
    invalid: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


class Target(Protocol):
    """The destination of events."""

    def take(self, events: Sequence[Event], done: ReplayResult) -> None:
        """Deliver the events, and count their outcomes in `done`."""

    def close(self) -> None:
        """Called when there are no more events."""


def replay(
    deployment: Deployment,
    selection: Selection,
    target: Target,
    *,
    after: str = "",
    rate: float | None = None,
    checkpoint: Callable[[str], None] = lambda place: None,
    progress: Progress = no_progress,
    expected: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> ReplayResult:
    """Replay every event of the selection once, at most `rate` per second.

    `checkpoint` is called with positions before which everything is done; given one as `after`, it resumes
    there. `expected` is how many events it will read, for `progress`.
    """
    done = ReplayResult()
    begun = clock()
    taken = 0
    waiting: list[Event] = []
    place = ""

    def flush() -> None:
        nonlocal taken
        if waiting:
            target.take(waiting, done)
            taken += len(waiting)
            waiting.clear()
        if place:
            checkpoint(place)
        progress("events replayed", done.read, expected)

    try:
        for found in events(deployment, selection, after, done):
            if isinstance(found, str):
                place = found
                continue
            waiting.append(found)
            if len(waiting) == EVENTS_AT_A_TIME:
                flush()
                if rate:
                    sleep(max(0.0, begun + taken / rate - clock()))
        flush()
    finally:
        target.close()
    return done


def events(
    deployment: Deployment, selection: Selection, after: str, done: ReplayResult
) -> Iterator[Event | str]:
    """The events of the selection, each once; and positions, once all events before them were yielded.

    By hour, and within an hour by arrival across all shards, so that of two records of one order the earlier
    comes first.
    """
    entries = merge(
        *(bucket.list_by_hour(deployment, prefix, selection.span) for prefix in ARCHIVE), key=_hour
    )
    for hour, of_hour in groupby(entries, _hour):
        if hour > after:
            yield from _once(_of_hour(deployment, list(of_hour), done), selection, done)
            yield hour
    singles = (
        entry
        for entry in bucket.list_single_orders(deployment, selection.span)
        if _SINGLE + entry.key > after
    )
    for opened in reader.objects(deployment, singles):
        yield from _once(_events_in(opened.lines, opened.key, done), selection, done)
        yield _SINGLE + opened.key


def _hour(entry: ObjectSummary) -> str:
    return hour_prefix_of(entry.key, _HOUR)


def _once(events: Iterable[Event], selection: Selection, done: ReplayResult) -> Iterator[Event]:
    # An event is in the same hour at every delivery, so deduplicate within the hour only.
    seen: set[str] = set()
    for event in events:
        if not selection.holds(event.line):
            continue
        done.read += 1
        if event.line.event_id in seen:
            done.duplicates_skipped += 1
            continue
        seen.add(event.line.event_id)
        yield event


def _of_hour(deployment: Deployment, entries: list[ObjectSummary], done: ReplayResult) -> Iterator[Event]:
    """The events of an hour's objects: in order within each shard, and the shards merged by arrival."""
    shards: dict[str, list[ObjectSummary]] = {}
    compacted = []
    for entry in entries:
        if is_compacted(entry.key):
            compacted.append(entry)
        else:
            shards.setdefault(shard_range(entry.key)[0], []).append(entry)
    ahead = max(1, FETCHED_AHEAD // max(1, len(shards)))

    def of_shard(entries: list[ObjectSummary]) -> Iterator[Event]:
        for opened in reader.objects(deployment, entries, ahead):
            yield from _events_in(opened.lines, opened.key, done)

    def of_compacted(entry: ObjectSummary) -> Iterator[Event]:
        for found, file in reader.compacted(deployment, entry):
            lines = reader.raise_on_corruption(deployment, found.key, parquet.by_arrival(file))
            yield from _events_in(lines, found.key, done)

    streams = [*map(of_shard, shards.values()), *map(of_compacted, compacted)]
    yield from merge(*streams, key=lambda event: event.line.arrived_at)
    # Lines compacted since the listing are no longer in their own objects.
    known = {entry.key for entry in compacted}
    for entry in bucket.of_hour(deployment, hour_prefix_of(entries[0].key, COMPACTED)):
        if entry.key not in known:
            yield from of_compacted(entry)


def _events_in(lines: Iterator[LocatedLine], key: str, done: ReplayResult) -> Iterator[Event]:
    def note(key: str, what: str) -> None:
        done.damaged.append(what)

    for one in reader.skip_corruption(lines, key, note):
        yield Event(one.line, one.key)
