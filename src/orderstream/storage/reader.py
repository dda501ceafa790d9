"""The lines of the bucket's objects, in the object they were written to or compacted."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import msgspec

from orderstream.aws.deployment import Deployment
from orderstream.domain.fields import timestamp
from orderstream.domain.object_keys import (
    COMPACTED,
    hour_of,
    hour_prefix,
    hour_prefix_of,
    is_batch,
    is_compacted,
)
from orderstream.errors import DamagedError
from orderstream.files.scratch import ScratchFolder
from orderstream.pipeline.archive_codec import ArchiveLine, read_line, read_lines
from orderstream.progress import Progress, no_progress
from orderstream.storage import bucket, parquet
from orderstream.storage.bucket import ALL_TIME, FETCHED_AHEAD, ObjectSummary, TimeRange
from orderstream.storage.parquet import LocatedLine, UnreadableValue

T = TypeVar("T")

# Errors from reading an object that is truncated or not an archive object.
DAMAGE = (gzip.BadGzipFile, zlib.error, EOFError, msgspec.MsgspecError, UnicodeDecodeError, UnreadableValue)

# An order may be archived this long before the event of its item arrives: the longest that AWS retries.
_LONGEST_RETRY = timedelta(days=7)
_HOUR = timedelta(hours=1)

# Called for an object that cannot be read to its end, with its key and what is wrong.
Note = Callable[[str, str], None]


@dataclass(frozen=True)
class ArchiveObject:
    """The object `key` with its lines, read from `entry`: the object itself, or a compacted one that contains
    it.
    """

    entry: ObjectSummary
    key: str
    lines: Iterator[LocatedLine]


def objects(
    deployment: Deployment, entries: Iterable[ObjectSummary], ahead: int = FETCHED_AHEAD
) -> Iterator[ArchiveObject]:
    """Each object with its lines; for a compacted object, each object in it. Read the lines before advancing.

    Skips an object deleted since it was listed: it has been compacted. For a deleted compacted object, its
    successor is read. Iterating over lines raises DamagedError if they are damaged.
    """
    for entry, body in bucket.fetch_all(deployment, entries, ahead):
        if not is_compacted(entry.key):
            yield ArchiveObject(entry, entry.key, located_lines(deployment, entry, body))
            continue
        for found, file in compacted(deployment, entry):
            inside = raise_on_corruption(deployment, found.key, parquet.by_place(file))
            try:
                for key, lines in groupby(inside, lambda one: one.key):
                    yield ArchiveObject(found, key, lines)
            except DamagedError as error:
                # Damage between the lines of two objects: raise it when the lines are read, as for any other.
                yield ArchiveObject(found, found.key, _damaged(error))


def _damaged(error: DamagedError) -> Iterator[LocatedLine]:
    raise error
    yield


def compacted(deployment: Deployment, entry: ObjectSummary) -> Iterator[tuple[ObjectSummary, Path]]:
    """A compacted object as a file, valid until the next step; if it is gone, its successors."""
    with ScratchFolder("compacted") as folder:
        file = Path(folder) / "lines.parquet"
        if bucket.download(deployment, entry, file):
            yield entry, file
            return
        for other in bucket.of_hour(deployment, hour_prefix_of(entry.key)):
            if other.key != entry.key and bucket.download(deployment, other, file):
                yield other, file


def located_lines(deployment: Deployment, entry: ObjectSummary, body: bytes) -> Iterator[LocatedLine]:
    """The lines of an object that is not compacted. Raises DamagedError if it is damaged."""
    for number, line in enumerate(_lines(deployment, entry.key, body), start=1):
        yield LocatedLine(entry.key, number, entry.modified, line)


def raise_on_corruption(deployment: Deployment, key: str, lines: Iterable[T]) -> Iterator[T]:
    """The lines of the object `key`; raises DamagedError if they cannot be read."""
    number = 0
    try:
        for line in lines:
            yield line
            number += 1
    except DAMAGE as error:
        raise DamagedError(
            f"s3://{deployment.bucket}/{key} is damaged after line {number}: {error}",
            hint="orders stack verify tells what else is affected",
        ) from error


def skip_corruption(lines: Iterator[LocatedLine], key: str, note: Note) -> Iterator[LocatedLine]:
    """The lines of the object `key`. If it is damaged, stop there and call `note`."""
    try:
        yield from lines
    except DamagedError as error:
        note(key, error.message)


def read_object(deployment: Deployment, key: str, arrived_at: str) -> Iterator[ArchiveLine]:
    """The lines of the object `key`, compacted or not, for an item that arrived at `arrived_at`.

    With one order per object, the key may have been reused after it was compacted: then these are the lines
    of both. Raises DamagedError.
    """
    body = bucket.fetch(deployment, key)
    if body is not None:
        yield from _lines(deployment, key, body)
        if is_batch(key):
            return
    for prefix in _compacted_hours(key, arrived_at):
        found = False
        for entry in bucket.of_hour(deployment, prefix):
            for other, file in compacted(deployment, entry):
                for one in raise_on_corruption(deployment, other.key, parquet.by_place(file, key=key)):
                    found = True
                    yield one.line
        if found:
            return


def search(
    deployment: Deployment,
    entries: Iterable[ObjectSummary],
    text: str,
    *,
    what: str = "objects read",
    progress: Progress = no_progress,
) -> Iterator[LocatedLine]:
    """The lines that contain `text`, or whose order or event has that id.

    Only those are decoded, so searching a year is feasible. `what` they are for
    `progress`. Raises DamagedError.
    """
    # As in the written lines, where quotes are escaped.
    wanted = msgspec.json.encode(text)[1:-1]
    for done, (entry, body) in enumerate(bucket.fetch_all(deployment, entries), start=1):
        if is_compacted(entry.key):
            for found, file in compacted(deployment, entry):
                yield from raise_on_corruption(deployment, found.key, parquet.with_text(file, text))
        else:
            yield from raise_on_corruption(deployment, entry.key, _with_text(entry, body, wanted))
        progress(what, done)


def lines(
    deployment: Deployment,
    entries: Iterable[ObjectSummary],
    span: TimeRange = ALL_TIME,
) -> Iterator[LocatedLine]:
    """The lines of `span` in the objects."""
    for opened in objects(deployment, entries):
        for one in opened.lines:
            if span.contains(one.line.arrived_at):
                yield one


def readable_lines(deployment: Deployment, entries: Iterable[ObjectSummary]) -> Iterator[LocatedLine]:
    """The lines of the objects, as far as they are not damaged."""
    for opened in objects(deployment, entries):
        yield from skip_corruption(opened.lines, opened.key, lambda key, what: None)


def _lines(deployment: Deployment, key: str, body: bytes) -> Iterator[ArchiveLine]:
    return raise_on_corruption(deployment, key, read_lines(key, BytesIO(body)))


def _with_text(entry: ObjectSummary, body: bytes, wanted: bytes) -> Iterator[LocatedLine]:
    plain = gzip.decompress(body) if is_batch(entry.key) else body
    if wanted in plain:
        for number, line in enumerate(plain.split(b"\n"), start=1):
            if wanted in line:
                yield LocatedLine(entry.key, number, entry.modified, read_line(line))


def _compacted_hours(key: str, arrived_at: str) -> Iterator[str]:
    """The prefixes where the lines of the object `key` can be compacted."""
    if is_batch(key):
        yield hour_prefix_of(key, COMPACTED)
    if is_batch(key) or not arrived_at:
        return
    hour = hour_of(timestamp(arrived_at))
    earliest = hour - _LONGEST_RETRY
    while hour >= earliest:
        yield hour_prefix(COMPACTED, hour)
        hour -= _HOUR
