"""The newest records of the archive: hour by hour backwards, and of each hour its last objects first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from orderstream.aws.deployment import Deployment
from orderstream.domain.fields import timestamp, utc_text
from orderstream.domain.object_keys import ARCHIVE, PARTITIONS, hour_of_key, hour_prefix, years_prefix
from orderstream.errors import DamagedError
from orderstream.pipeline.archive_codec import ArchiveLine
from orderstream.progress import Progress, no_progress
from orderstream.storage import bucket, reader
from orderstream.storage.bucket import ALL_TIME, ObjectSummary, TimeRange
from orderstream.storage.reader import ArchiveObject

# After so many objects, no further hour is read: each costs a request.
MOST_OBJECTS = 500
# S3 keeps the time of a write in whole seconds.
_WRITTEN_WITHIN = timedelta(seconds=1)
_INSTANT = timedelta(microseconds=1)

# The place of a record in the order of arrival: `arrived_at` and `event_id`.
Position = tuple[str, str]


class Positioned(Protocol):
    """Something that was made of a record, and knows its place."""

    @property
    def position(self) -> Position: ...


T = TypeVar("T", bound=Positioned)


@dataclass(frozen=True)
class NewestRecords(Generic[T]):
    """The newest of what was selected, newest first.

    `next` is where the next page starts, None after the last one. Everything since `since` was looked at;
    None means that the whole time range was. `objects` is the number of objects that were read.
    """

    found: list[T]
    next: Position | None
    since: datetime | None
    objects: int


def newest_records(
    deployment: Deployment,
    select: Callable[[list[ArchiveLine]], Iterable[T]],
    *,
    most: int,
    span: TimeRange = ALL_TIME,
    before: Position | None = None,
    progress: Progress = no_progress,
) -> NewestRecords[T]:
    """The newest records in `span` before `before`, as many as `most`, each once.

    `select` makes results of the lines of an object, of as many of them as are wanted. After MOST_OBJECTS it
    stops at the end of an hour, with however many it has found. With ArchiveLayout=order, objects have no
    hours, and only what was compacted is found.
    """
    kept: dict[Position, T] = {}
    objects = 0
    ends = [timestamp(before[0])] if before else []
    until = min([*ends, span.until] if span.until else ends, default=None)
    for entries in _hours(deployment, TimeRange(span.since, until)):
        for opened in reader.objects(deployment, entries):
            written = utc_text(opened.entry.modified + _WRITTEN_WITHIN)
            if len(kept) > most and min(kept)[0] >= written:
                # What is in this object and in those after it arrived earlier.
                break
            lines = [line for line in _readable(opened) if _is_wanted(line, span, before)]
            kept |= {one.position: one for one in select(lines)}
            # One more than `most` tells whether there is another page.
            kept = {place: kept[place] for place in sorted(kept, reverse=True)[: most + 1]}
            objects += 1
            progress("objects of the archive read", objects)
        hour = hour_of_key(entries[0].key)
        if len(kept) > most:
            found = [*kept.values()][:most]
            return NewestRecords(found, found[-1].position, hour, objects)
        if objects >= MOST_OBJECTS:
            return NewestRecords([*kept.values()], (utc_text(hour), ""), hour, objects)
    return NewestRecords([*kept.values()], None, None, objects)


def _is_wanted(line: ArchiveLine, span: TimeRange, before: Position | None) -> bool:
    return span.contains(line.arrived_at) and (before is None or (line.arrived_at, line.event_id) < before)


def _readable(opened: ArchiveObject) -> Iterator[ArchiveLine]:
    """The lines of an object, up to where it is damaged: `orders stack verify` reports that."""
    with suppress(DamagedError):
        for one in opened.lines:
            yield one.line


def _hours(deployment: Deployment, span: TimeRange) -> Iterator[list[ObjectSummary]]:
    """The objects of each hour that has any, the last hour and the object written last first."""
    first = hour_prefix("", span.since) if span.since else ""
    last = hour_prefix("", span.until - _INSTANT) if span.until else "~"
    for hour in _folders(deployment, years_prefix(""), "", len(PARTITIONS), first, last):
        found = [entry for prefix in ARCHIVE for entry in bucket.of_hour(deployment, prefix + hour)]
        if found:
            yield sorted(found, key=lambda entry: entry.modified, reverse=True)


def _folders(
    deployment: Deployment, start: str, folder: str, levels: int, first: str, last: str
) -> Iterator[str]:
    """The folders of hours in the archive from `first` to `last`, the last one first.

    One level is listed after the other, so a time without orders costs no requests.
    """
    inside = {
        key.removeprefix(prefix)
        for prefix in ARCHIVE
        for key in bucket.folders(deployment, prefix + (folder or start))
    }
    for one in sorted(inside, reverse=True):
        if one[: len(first)] < first[: len(one)]:
            return
        if one[: len(last)] <= last[: len(one)]:
            if levels == 1:
                yield one
            else:
                yield from _folders(deployment, start, one, levels - 1, first, last)
