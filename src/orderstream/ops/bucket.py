"""The objects of the bucket, and the lines in them, for a span of arrival times."""

from __future__ import annotations

import gzip
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from itertools import chain
from typing import Any

import msgspec

from orderstream.domain.identity import hour_prefix
from orderstream.domain.values import utc_text
from orderstream.errors import DamagedError
from orderstream.ops.cloud import Cloud, cloud_errors
from orderstream.ops.stack import Stack
from orderstream.pipeline.lines import Line, read_line, read_lines

# So many objects are fetched at a time, and lie in memory until they are read.
FETCHED_AHEAD = 8

# What a reader meets in an object that is no archive object, or no whole one.
_DAMAGE = (gzip.BadGzipFile, zlib.error, EOFError, msgspec.MsgspecError, UnicodeDecodeError)


@dataclass(frozen=True)
class Span:
    """The arrival times from `since` (included) to `until` (not); None is no bound. Aware UTC."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, arrived_at: str) -> bool:
        """Whether a moment as `utc_text` writes it, whose width is fixed, lies in the span."""
        return (self.since is None or arrived_at >= utc_text(self.since)) and (
            self.until is None or arrived_at < utc_text(self.until)
        )


ALWAYS = Span()


@dataclass(frozen=True)
class Entry:
    """An object as S3 lists it."""

    key: str
    etag: str
    modified: datetime
    size: int


def hourly(cloud: Cloud, stack: Stack, prefix: str, span: Span = ALWAYS) -> Iterator[Entry]:
    """The objects under `prefix`/year=…/…/hour=… that can hold lines of `span`, earliest hour first."""
    last = hour_prefix(prefix, span.until) if span.until else None
    request = {"StartAfter": hour_prefix(prefix, span.since)} if span.since else {}
    for entry in listed(cloud, stack, f"{prefix}/year=", **request):
        if last and entry.key[: len(last)] > last:
            return
        yield entry


def archive(cloud: Cloud, stack: Stack, span: Span = ALWAYS) -> Iterator[Entry]:
    """The objects of the archive that can hold lines of `span`, in either layout."""
    return chain(hourly(cloud, stack, "orders", span), single(cloud, stack, span))


def single(cloud: Cloud, stack: Stack, span: Span = ALWAYS) -> Iterator[Entry]:
    """The objects of the archive that hold one order each, and can hold one of `span`."""
    # They lie right under orders/, beside the years, and are written after the order arrived: so what
    # was written before the span holds nothing of it.
    for entry in listed(cloud, stack, "orders/", Delimiter="/"):
        if span.since is None or entry.modified >= span.since:
            yield entry


def listed(cloud: Cloud, stack: Stack, prefix: str, **request: Any) -> Iterator[Entry]:
    """The objects under `prefix`, in the order of their keys."""
    with cloud_errors(f"cannot list s3://{stack.bucket}/{prefix}"):
        pages = cloud.s3.get_paginator("list_objects_v2").paginate(
            Bucket=stack.bucket, Prefix=prefix, **request
        )
        for page in pages:
            for entry in page.get("Contents", []):
                modified = entry["LastModified"].astimezone(UTC)
                yield Entry(entry["Key"], entry["ETag"], modified, entry["Size"])


def fetch(cloud: Cloud, stack: Stack, key: str) -> bytes | None:
    """The bytes of an object; None where there is none."""
    with cloud_errors(f"cannot read s3://{stack.bucket}/{key}"):
        try:
            return cloud.s3.get_object(Bucket=stack.bucket, Key=key)["Body"].read()
        except cloud.s3.exceptions.NoSuchKey:
            return None


def bodies(
    cloud: Cloud, stack: Stack, entries: Iterable[Entry], ahead: int = FETCHED_AHEAD
) -> Iterator[tuple[Entry, bytes]]:
    """Each object with its bytes, in the order given, `ahead` of them fetched at a time.

    An object that is gone since it was listed is left out.
    """
    # Made here, because clients are made on first use, and that is not safe in several threads at once.
    _ = cloud.s3
    waiting: deque[tuple[Entry, Future[bytes | None]]] = deque()
    with ThreadPoolExecutor(ahead) as threads:

        def first() -> Iterator[tuple[Entry, bytes]]:
            entry, body = waiting.popleft()
            found = body.result()
            if found is not None:
                yield entry, found

        try:
            for entry in entries:
                waiting.append((entry, threads.submit(fetch, cloud, stack, entry.key)))
                if len(waiting) == ahead:
                    yield from first()
            while waiting:
                yield from first()
        finally:
            for _, body in waiting:
                body.cancel()


def lines_of(stack: Stack, key: str, body: bytes) -> Iterator[tuple[int, Line]]:
    """The lines of an object with their numbers, from 1. Raises DamagedError where it is damaged."""
    number = 0
    try:
        for number, line in enumerate(read_lines(key, BytesIO(body)), start=1):
            yield number, line
    except _DAMAGE as error:
        raise DamagedError(
            f"s3://{stack.bucket}/{key} is damaged after line {number}: {error}",
            hint="orders verify tells what else is affected",
        ) from error


def undamaged_lines(stack: Stack, key: str, body: bytes, note: Callable[[str, str], None]) -> Iterator[Line]:
    """The lines of an object; where it is damaged, those before the damage, and `note` hears (key, what)."""
    try:
        for _, line in lines_of(stack, key, body):
            yield line
    except DamagedError as error:
        note(key, error.message)


def lines_with(
    cloud: Cloud,
    stack: Stack,
    entries: Iterable[Entry],
    text: str,
    *,
    progress: Callable[[int], None] = lambda objects: None,
) -> Iterator[tuple[Entry, int, Line]]:
    """The lines in which `text` stands, each with its object and its number there.

    Only those are decoded, so a year can be searched. `progress` hears how many objects were. Raises
    DamagedError.
    """
    # As the lines were written, a quote in it is escaped.
    wanted = msgspec.json.encode(text)[1:-1]
    for done, (entry, body) in enumerate(bodies(cloud, stack, entries), start=1):
        try:
            plain = gzip.decompress(body) if entry.key.endswith(".gz") else body
            if wanted in plain:
                for number, line in enumerate(plain.split(b"\n"), start=1):
                    if wanted in line:
                        yield entry, number, read_line(line)
        except _DAMAGE as error:
            raise DamagedError(f"s3://{stack.bucket}/{entry.key} is damaged: {error}") from error
        progress(done)


def lines(
    cloud: Cloud,
    stack: Stack,
    entries: Iterable[Entry],
    span: Span = ALWAYS,
    *,
    progress: Callable[[int], None] = lambda lines: None,
) -> Iterator[tuple[Entry, int, Line]]:
    """The lines of `span` in the objects, each with its object and its number there.

    `progress` hears after each object how many lines were read so far.
    """
    read = 0
    for entry, body in bodies(cloud, stack, entries):
        for number, line in lines_of(stack, entry.key, body):
            read += 1
            if span.holds(line.arrived_at):
                yield entry, number, line
        progress(read)
