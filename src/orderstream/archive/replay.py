"""Replay: send records of the archive to the table or onto the stream again. Harmless if repeated (G7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from itertools import groupby
from typing import Protocol

from orderstream.archive.customer_items import order_ids_of
from orderstream.aws.deployment import Deployment
from orderstream.domain.decode import decode
from orderstream.domain.object_keys import ARCHIVE, COMPACTED, hour_prefix_of, is_compacted, shard_range
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes
from orderstream.progress import Progress, no_progress
from orderstream.storage import bucket, parquet, reader
from orderstream.storage.bucket import ALL_TIME, FETCHED_AHEAD, ObjectSummary, TimeRange
from orderstream.storage.parquet import LocatedLine

RECORDS_AT_A_TIME = 500

# Positions of hours, and of objects with one order each, which sort after all hours.
_HOUR = "hour "
_SINGLE = "single "


@dataclass(frozen=True)
class Selection:
    """Which records: those that arrived in `span`, optionally of one customer or one order.

    Of a customer, `order_ids` are the orders whose events are selected (see `with_events`).
    """

    span: TimeRange = ALL_TIME
    customer_id: str | None = None
    order_id: str | None = None
    order_ids: frozenset[str] = frozenset()

    def holds(self, line: ArchiveLine) -> bool:
        """Whether the record in this line is selected."""
        if not self.span.contains(line.arrived_at):
            return False
        if self.order_id is not None and self.order_id not in (line.order_id, line.event_id):
            return False
        if self.customer_id is None:
            return True
        if line.event is not None:
            return line.order_id in self.order_ids
        order = decode(original_bytes(line)).order
        return order is not None and order.customer_id == self.customer_id


@dataclass(frozen=True)
class ArchivedRecord:
    """A record of the archive: its line, and the object that contains it."""

    line: ArchiveLine
    key: str


@dataclass
class ReplayResult:
    """Records read, `duplicates_skipped` that were also in another object, and the outcomes of the others.

    `stored` are orders, `events` are events of orders.
    `conflicts` and `invalid` records have been in quarantine since they first arrived, and stay there.
    `damaged` lists the objects that could not be read to their end.
    """

    read: int = 0
    duplicates_skipped: int = 0
    stored: int = 0
    events: int = 0
    duplicates: int = 0
    sent: int = 0
    conflicts: int = 0
    invalid: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


class Target(Protocol):
    """The destination of records."""

    def take(self, records: Sequence[ArchivedRecord], done: ReplayResult) -> None:
        """Deliver the records, and count their outcomes in `done`."""

    def close(self) -> None:
        """Called when there are no more records."""


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
    """Replay every record of the selection once, at most `rate` per second.

    `checkpoint` is called with positions before which everything is done; given one as `after`, it resumes
    there. `expected` is how many records it will read, for `progress`.
    """
    done = ReplayResult()
    begun = clock()
    taken = 0
    waiting: list[ArchivedRecord] = []
    place = ""

    def flush() -> None:
        nonlocal taken
        if waiting:
            target.take(waiting, done)
            taken += len(waiting)
            waiting.clear()
        if place:
            checkpoint(place)
        progress("records replayed", done.read, expected)

    try:
        for found in archived_records(deployment, selection, after, done):
            if isinstance(found, str):
                place = found
                continue
            waiting.append(found)
            if len(waiting) == RECORDS_AT_A_TIME:
                flush()
                if rate:
                    sleep(max(0.0, begun + taken / rate - clock()))
        flush()
    finally:
        target.close()
    return done


def with_events(deployment: Deployment, selection: Selection) -> Selection:
    """The selection with the events of a customer's orders, which do not say whose they are.

    These are the orders in the table, and those of the selection in the archive.
    """
    if selection.customer_id is None:
        return selection
    order_ids = set(order_ids_of(deployment, selection.customer_id))
    for found in archived_records(deployment, selection, "", ReplayResult()):
        if isinstance(found, ArchivedRecord) and found.line.order_id:
            order_ids.add(found.line.order_id)
    return replace(selection, order_ids=frozenset(order_ids))


def archived_records(
    deployment: Deployment, selection: Selection, after: str, done: ReplayResult
) -> Iterator[ArchivedRecord | str]:
    """The records of the selection, each once; and positions, once all records before them were yielded.

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
        yield from _once(_records_in(opened.lines, opened.key, done), selection, done)
        yield _SINGLE + opened.key


def _hour(entry: ObjectSummary) -> str:
    return hour_prefix_of(entry.key, _HOUR)


def _once(
    records: Iterable[ArchivedRecord], selection: Selection, done: ReplayResult
) -> Iterator[ArchivedRecord]:
    # A record is in the same hour at every delivery, so deduplicate within the hour only.
    seen: set[str] = set()
    for record in records:
        if not selection.holds(record.line):
            continue
        done.read += 1
        if record.line.event_id in seen:
            done.duplicates_skipped += 1
            continue
        seen.add(record.line.event_id)
        yield record


def _of_hour(
    deployment: Deployment, entries: list[ObjectSummary], done: ReplayResult
) -> Iterator[ArchivedRecord]:
    """The records of an hour's objects: in order within each shard, and the shards merged by arrival."""
    shards: dict[str, list[ObjectSummary]] = {}
    compacted = []
    for entry in entries:
        if is_compacted(entry.key):
            compacted.append(entry)
        else:
            shards.setdefault(shard_range(entry.key)[0], []).append(entry)
    ahead = max(1, FETCHED_AHEAD // max(1, len(shards)))

    def of_shard(entries: list[ObjectSummary]) -> Iterator[ArchivedRecord]:
        for opened in reader.objects(deployment, entries, ahead):
            yield from _records_in(opened.lines, opened.key, done)

    def of_compacted(entry: ObjectSummary) -> Iterator[ArchivedRecord]:
        for found, file in reader.compacted(deployment, entry):
            lines = reader.raise_on_corruption(deployment, found.key, parquet.by_arrival(file))
            yield from _records_in(lines, found.key, done)

    streams = [*map(of_shard, shards.values()), *map(of_compacted, compacted)]
    yield from merge(*streams, key=lambda record: record.line.arrived_at)
    # Lines compacted since the listing are no longer in their own objects.
    known = {entry.key for entry in compacted}
    for entry in bucket.of_hour(deployment, hour_prefix_of(entries[0].key, COMPACTED)):
        if entry.key not in known:
            yield from of_compacted(entry)


def _records_in(lines: Iterator[LocatedLine], key: str, done: ReplayResult) -> Iterator[ArchivedRecord]:
    def note(key: str, what: str) -> None:
        done.damaged.append(what)

    for one in reader.skip_corruption(lines, key, note):
        yield ArchivedRecord(one.line, one.key)
