"""The objects of the bucket: list them by arrival time, and fetch them."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import HTTPClientError, IncompleteReadError

from orderstream.aws.deployment import Deployment
from orderstream.domain import object_keys
from orderstream.domain.fields import utc_text
from orderstream.domain.object_keys import ARCHIVE, ORDERS, hour_prefix, years_prefix
from orderstream.sdk.errors import translate_errors

# The number of objects fetched concurrently, and held in memory until they are read.
FETCHED_AHEAD = 8
_PIECE = 1024 * 1024
# How often to start reading an object before giving up.
ATTEMPTS = 3

T = TypeVar("T")


@dataclass(frozen=True)
class TimeRange:
    """Arrival times from `since` (inclusive) to `until` (exclusive); None means unbounded. Aware UTC."""

    since: datetime | None = None
    until: datetime | None = None

    def contains(self, arrived_at: str) -> bool:
        """Whether a time in the fixed-width format of `utc_text` is in the range."""
        return (self.since is None or arrived_at >= utc_text(self.since)) and (
            self.until is None or arrived_at < utc_text(self.until)
        )

    def __str__(self) -> str:
        since = utc_text(self.since) if self.since else "the beginning"
        return f"from {since} to {utc_text(self.until) if self.until else 'now'}"


ALL_TIME = TimeRange()


@dataclass(frozen=True)
class ObjectSummary:
    """An object as S3 lists it; with `version`, a noncurrent version of its key."""

    key: str
    etag: str
    modified: datetime
    size: int
    version: str = ""


def _ignored(entry: ObjectSummary) -> None:
    """Skip an object whose key has no known form."""


def list_by_hour(
    deployment: Deployment,
    prefix: str,
    span: TimeRange = ALL_TIME,
    *,
    page_size: int | None = None,
    foreign: Callable[[ObjectSummary], None] = _ignored,
) -> Iterator[ObjectSummary]:
    """The objects of the hours under `prefix` that can contain lines of `span`, earliest hour first.

    A call lists `page_size` objects, None being as many as S3 allows: 1,000.
    `foreign` is called with the objects there whose keys Orderstream does not write (see `object_keys`).
    """
    last = hour_prefix(prefix, span.until) if span.until else None
    # Without the slash, so that a key that is the prefix itself is listed too.
    request: dict[str, Any] = {"PaginationConfig": {"PageSize": page_size}}
    if span.since:
        request["StartAfter"] = hour_prefix(prefix, span.since)[:-1]
    for entry in list_prefix(deployment, years_prefix(prefix), **request):
        if last and entry.key[: len(last)] > last:
            return
        if object_keys.is_hourly(entry.key):
            yield entry
        else:
            foreign(entry)


def of_hour(deployment: Deployment, folder: str) -> Iterator[ObjectSummary]:
    """The objects of one hour, whose key prefix is `folder`."""
    return (entry for entry in list_prefix(deployment, folder) if object_keys.is_hourly(entry.key))


def archive(deployment: Deployment, span: TimeRange = ALL_TIME) -> Iterator[ObjectSummary]:
    """The objects of the archive that can contain lines of `span`, in either layout and compacted."""
    # List the compacted objects after reading the others, to include what was compacted in the meantime.
    plain, compacted = (list_by_hour(deployment, prefix, span) for prefix in ARCHIVE)
    return chain(plain, list_single_orders(deployment, span), compacted)


def list_single_orders(deployment: Deployment, span: TimeRange = ALL_TIME) -> Iterator[ObjectSummary]:
    """The objects of the archive that contain one order each, possibly one of `span`."""
    # They are beside the years, and are written after the order arrived. An object written before the span
    # therefore contains nothing of it.
    for entry in list_prefix(deployment, ORDERS, Delimiter="/"):
        if object_keys.is_single(entry.key) and (span.since is None or entry.modified >= span.since):
            yield entry


def beside_hours(deployment: Deployment, prefix: str) -> Iterator[ObjectSummary]:
    """The objects under `prefix` that are not under its years, where `list_by_hour` does not look."""
    inside = folders(deployment, prefix)
    for entry in list_prefix(deployment, prefix, Delimiter="/"):
        if not (prefix == ORDERS and object_keys.is_single(entry.key)):
            yield entry
    for folder in inside:
        if not folder.startswith(years_prefix(prefix)):
            yield from list_prefix(deployment, folder)


def folders(deployment: Deployment, prefix: str) -> list[str]:
    """The beginnings of the keys under `prefix`, each up to its next slash, inclusive."""
    with translate_errors(f"cannot list s3://{deployment.bucket}/{prefix}"):
        pages = deployment.cloud.s3.get_paginator("list_objects_v2").paginate(
            Bucket=deployment.bucket, Prefix=prefix, Delimiter="/"
        )
        return [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]


def list_prefix(deployment: Deployment, prefix: str, **request: Any) -> Iterator[ObjectSummary]:
    """The objects under `prefix`, in key order."""
    with translate_errors(f"cannot list s3://{deployment.bucket}/{prefix}"):
        pages = deployment.cloud.s3.get_paginator("list_objects_v2").paginate(
            Bucket=deployment.bucket, Prefix=prefix, **request
        )
        for page in pages:
            for entry in page.get("Contents", []):
                modified = entry["LastModified"].astimezone(UTC)
                yield ObjectSummary(entry["Key"], entry["ETag"], modified, entry["Size"])


def fetch(deployment: Deployment, key: str) -> bytes | None:
    """The bytes of an object; None if it does not exist."""
    found = _fetched(deployment, summary_for_key(key))
    return found and found[0]


def _fetched(deployment: Deployment, entry: ObjectSummary) -> tuple[bytes, datetime] | None:
    return _read(deployment, entry, b"".join)


def _read(
    deployment: Deployment, entry: ObjectSummary, use: Callable[[Iterable[bytes]], T]
) -> tuple[T, datetime] | None:
    """The result of `use` on an object's bytes, and when they were written; None if it does not exist.

    If the connection drops between two chunks, `use` starts over: the SDK retries only until a response
    begins.
    """
    version: dict[str, Any] = {"VersionId": entry.version} if entry.version else {}
    attempts = 0
    with translate_errors(f"cannot read s3://{deployment.bucket}/{entry.key}"):
        while True:
            attempts += 1
            try:
                answer = deployment.cloud.s3.get_object(Bucket=deployment.bucket, Key=entry.key, **version)
            except deployment.cloud.s3.exceptions.NoSuchKey:
                return None
            try:
                return use(answer["Body"].iter_chunks(_PIECE)), answer["LastModified"].astimezone(UTC)
            except (HTTPClientError, IncompleteReadError):
                if attempts == ATTEMPTS:
                    raise


def _not_fetched(deployment: Deployment, entry: ObjectSummary) -> tuple[bytes, datetime] | None:
    return b"", datetime.min.replace(tzinfo=UTC)


def fetch_all(
    deployment: Deployment, entries: Iterable[ObjectSummary], ahead: int = FETCHED_AHEAD
) -> Iterator[tuple[ObjectSummary, bytes]]:
    """Each object with its bytes, in the order given, with `ahead` of them fetched concurrently.

    Skips objects that do not exist. One that did not come from a listing gets its time and size from the
    response. A compacted object may be large and has no bytes here: `download` it.
    """
    waiting: deque[tuple[ObjectSummary, Future[tuple[bytes, datetime] | None]]] = deque()
    with ThreadPoolExecutor(ahead) as threads:

        def first() -> Iterator[tuple[ObjectSummary, bytes]]:
            entry, body = waiting.popleft()
            found = body.result()
            if found is not None:
                text, modified = found
                yield entry if entry.etag else replace(entry, modified=modified, size=len(text)), text

        try:
            for entry in entries:
                read = _not_fetched if object_keys.is_compacted(entry.key) else _fetched
                waiting.append((entry, threads.submit(read, deployment, entry)))
                if len(waiting) == ahead:
                    yield from first()
            while waiting:
                yield from first()
        finally:
            for _, body in waiting:
                body.cancel()


def summary_for_key(key: str) -> ObjectSummary:
    """A summary for an object that did not come from a listing."""
    return ObjectSummary(key, "", datetime.min.replace(tzinfo=UTC), 0)


def download(deployment: Deployment, entry: ObjectSummary, file: Path) -> bool:
    """Write an object to `file` in chunks; False if it does not exist."""

    def write(pieces: Iterable[bytes]) -> None:
        with file.open("wb") as out:
            out.writelines(pieces)

    return _read(deployment, entry, write) is not None


def digest(deployment: Deployment, key: str) -> tuple[str, int]:
    """The SHA-256 (hex) and size in bytes of an object; those of no bytes if it does not exist."""

    def reckon(pieces: Iterable[bytes]) -> tuple[str, int]:
        found, size = hashlib.sha256(), 0
        for piece in pieces:
            found.update(piece)
            size += len(piece)
        return found.hexdigest(), size

    there = _read(deployment, summary_for_key(key), reckon)
    return there[0] if there else reckon(())


def file_digest(file: Path) -> str:
    """The SHA-256 (hex) of a file."""
    with file.open("rb") as body:
        return hashlib.file_digest(body, "sha256").hexdigest()
