"""Sealing: list the objects of a completed hour in a manifest."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import merge
from itertools import groupby
from types import TracebackType
from typing import Self

from orderstream.archive.manifests import (
    Chain,
    Manifest,
    Operation,
    SealedObject,
    attested,
    digest,
    hour_text,
)
from orderstream.archive.provenance import why_not_by_lambda
from orderstream.aws.deployment import Deployment
from orderstream.domain.fields import timestamp
from orderstream.domain.object_keys import DISCARDED, LINES, hour_of, hour_of_key, is_compacted, lines_in
from orderstream.errors import DamagedError
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.recovery.dead_letters import event_records, read_failure, records_in, url
from orderstream.storage import bucket, reader
from orderstream.storage.bucket import ObjectSummary, TimeRange

_HOUR = timedelta(hours=1)
_WEEK = timedelta(days=7)


@dataclass
class Hour:
    """An hour of arrival with its currently listed objects."""

    begins: datetime
    entries: list[ObjectSummary]

    @property
    def name(self) -> str:
        """Its name in manifests."""
        return hour_text(self.begins)


@dataclass
class SealResult:
    """The result of sealing an hour: the current manifest, and the `late` objects that are not in it.

    Late objects arrived after the hour was sealed, with unknown records.
    """

    hour: Hour
    manifest: Manifest | None
    is_new: bool = False
    late: list[str] = field(default_factory=list)


def hours(
    deployment: Deployment, chain: Chain, span: TimeRange, *, is_patient: bool = False
) -> Iterator[Hour]:
    """The hours of `span` that have objects, earliest first, without an hour that extends beyond it.

    With `is_patient`, the last hour is also left out for a week. While nothing reads the stream, there is no
    sign that more of that hour is waiting there, and nothing of a later hour is archived.

    Objects with one order each belong to the hour in which it arrived. They are left out if they were read
    when the hour in which they were written was sealed.
    """
    listings: list[Iterable[tuple[datetime, ObjectSummary]]] = [
        ((hour_of_key(entry.key), entry) for entry in bucket.list_by_hour(deployment, prefix, span))
        for prefix in LINES
    ]
    with _Singles() as singles:
        new = (one for one in bucket.list_single_orders(deployment, span) if not _was_looked_at(chain, one))
        singles.enter(deployment, new)
        waiting: Hour | None = None
        for begins, found in groupby(merge(*listings, singles, key=_first), _first):
            if waiting:
                yield waiting
            waiting = None
            if span.until is None or begins + _HOUR <= span.until:
                waiting = Hour(begins, [entry for _, entry in found])
        if waiting and (not is_patient or waiting.begins + _WEEK < deployment.cloud.now()):
            yield waiting


def seal(deployment: Deployment, chain: Chain, hour: Hour, *, accept: bool = False) -> SealResult:
    """Seal an hour, or what was added to it since. Late objects must be known.

    An object is late if its hour was sealed before, or a later hour was. It is known if the hour's sealed
    objects, or discarded batches, contain the same records: it was redelivered. With `accept` it is sealed
    all the same, and the manifest records that.
    """
    manifest = chain.of_hour(hour.name)
    sealed = {one.key: one for one in manifest.objects} if manifest else {}
    new = [entry for entry in hour.entries if entry.key not in sealed]
    if not new:
        return SealResult(hour, manifest)
    is_late = manifest is not None or hour.name < chain.last_hour
    late = unknown_keys(deployment, sealed, new) if is_late and not accept else []
    known = [entry for entry in new if entry.key not in late]
    if known:
        act: Operation = "accepted" if is_late and accept else "sealed"
        objects = [*sealed.values(), *sealed_from(deployment, known)]
        manifest = chain.append(hour.name, act, objects)
    return SealResult(hour, manifest, bool(known), late)


def sealed_from(deployment: Deployment, entries: Iterable[ObjectSummary]) -> Iterator[SealedObject]:
    """The objects as they are now, with no lines if they are unreadable."""
    for entry, body in bucket.fetch_all(deployment, entries):
        if is_compacted(entry.key):
            sha256, size = bucket.digest(deployment, entry.key)
            yield SealedObject(entry.key, sha256, size, lines_in(entry.key))
            continue
        try:
            lines = sum(1 for _ in reader.located_lines(deployment, entry, body))
        except DamagedError:
            lines = 0
        yield SealedObject(entry.key, hashlib.sha256(body).hexdigest(), len(body), lines)


def unknown_keys(deployment: Deployment, sealed: Iterable[str], new: Iterable[ObjectSummary]) -> list[str]:
    """The keys of those `new` objects of an hour with records that none of the `sealed` ones contains."""
    wanted: dict[bytes, set[str]] = {}
    damaged: set[str] = set()
    for opened in reader.objects(deployment, new):
        for one in reader.skip_corruption(opened.lines, opened.entry.key, lambda key, what: damaged.add(key)):
            wanted.setdefault(record_digest(one.line.event_id, original_bytes(one.line)), set()).add(
                opened.entry.key
            )
    for one in reader.readable_lines(deployment, map(bucket.summary_for_key, sealed)):
        wanted.pop(record_digest(one.line.event_id, original_bytes(one.line)), None)
    if wanted:
        for event_id, data in _discarded(deployment):
            wanted.pop(record_digest(event_id, data), None)
    return sorted(damaged.union(*wanted.values()))


def _discarded(deployment: Deployment) -> Iterator[tuple[str, bytes]]:
    known = attested(deployment)
    discarded = deployment.discarded
    for entry, body in bucket.fetch_all(discarded, bucket.list_prefix(discarded, DISCARDED)):
        failure = read_failure(url(deployment, entry.key), body, entry.modified)
        try:
            records = records_in(failure, event_records(failure))
            if why_not_by_lambda(entry, failure, is_attested=known.get(entry.key) == digest(body)):
                # The audit reports it, and it is not accepted as an explanation.
                continue
        except DamagedError:
            continue
        for record in records:
            yield record.event_id, record.data


def record_digest(event_id: str, data: bytes) -> bytes:
    """A hash of a record: its id and its bytes."""
    return hashlib.blake2b(event_id.encode() + b"\n" + data, digest_size=16).digest()


def hour_of_single_order(deployment: Deployment, entry: ObjectSummary, body: bytes) -> datetime:
    """The hour in which the order of an object arrived; for a damaged one, in which it was written."""
    try:
        return hour_of(timestamp(next(reader.located_lines(deployment, entry, body)).line.arrived_at))
    except (DamagedError, StopIteration):
        return hour_of(entry.modified)


def _first(pair: tuple[datetime, ObjectSummary]) -> datetime:
    return pair[0]


def _was_looked_at(chain: Chain, entry: ObjectSummary) -> bool:
    sealed_at = chain.sealed_at(hour_text(hour_of(entry.modified)))
    return sealed_at is not None and entry.modified < sealed_at


class _Singles:
    """Objects with one order each, by its hour of arrival, on disk: there can be very many."""

    def __enter__(self) -> Self:
        # SQLite's own temporary file.
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("CREATE TABLE single (hour, key, etag, modified, size)")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def enter(self, deployment: Deployment, entries: Iterable[ObjectSummary]) -> None:
        """Read each one to determine its hour."""
        for entry, body in bucket.fetch_all(deployment, entries):
            row = (
                hour_of_single_order(deployment, entry, body),
                entry.key,
                entry.etag,
                entry.modified,
                entry.size,
            )
            self._file.execute("INSERT INTO single VALUES (?, ?, ?, ?, ?)", list(map(_text, row)))

    def __iter__(self) -> Iterator[tuple[datetime, ObjectSummary]]:
        for hour, key, etag, modified, size in self._file.execute("SELECT * FROM single ORDER BY hour, key"):
            entry = ObjectSummary(key, etag, datetime.fromisoformat(modified), size)
            yield datetime.fromisoformat(hour), entry


def _text(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
