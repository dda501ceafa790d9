"""Redact one customer from the objects of archive and quarantine."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import chain, groupby
from pathlib import Path

import msgspec

from orderstream.archive.data_subject import DataSubject
from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.domain.fields import timestamp
from orderstream.domain.object_keys import LINES, hour_of, hour_of_key, is_batch, is_compacted
from orderstream.errors import DamagedError
from orderstream.pipeline.archive_codec import ArchiveLine, compress, read_line
from orderstream.progress import Progress
from orderstream.storage import bucket, parquet, reader
from orderstream.storage.bucket import ObjectSummary
from orderstream.storage.parquet import LocatedLine

_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True)
class Redaction:
    """An object with data of the customer, and the file with the rest of it (None if nothing is left).

    `events` and `order_ids` are the customer's, `lines` counts the remaining lines.
    """

    key: str
    old_sha256: str
    left: Path | None
    lines: int
    events: list[str]
    order_ids: list[str]


class RedactedBatch(msgspec.Struct, frozen=True):
    """The lines of an object: the customer's, and the bytes of those kept, some of them changed."""

    theirs: list[ArchiveLine]
    kept: list[bytes]
    is_changed: bool


def redactions(
    deployment: Deployment,
    person: DataSubject,
    currency: str,
    folder: Path,
    *,
    damaged: Callable[[str], None],
    progress: Progress,
) -> Iterator[tuple[datetime, list[Redaction]]]:
    """The changes of each hour that has any. Their files are in `folder` until the next hour.

    `damaged` is called with what is unreadable and so cannot be searched.
    """
    search = _Search(deployment, person, currency, folder, damaged)
    done = 0
    for begins, of_hour in _by_hour(deployment):
        found: list[Redaction] = []
        for entry, body in bucket.fetch_all(deployment, of_hour):
            if is_compacted(entry.key):
                found += search.compacted(deployment.cloud, entry)
            else:
                found += search.plain(entry, body)
            done += 1
            progress("objects", done)
        if found:
            yield begins, found
        for change in found:
            if change.left:
                change.left.unlink()
    singles: dict[datetime, list[Redaction]] = {}
    for entry, body in bucket.fetch_all(deployment, bucket.list_single_orders(deployment)):
        for change in search.plain(entry, body):
            arrived_at = next(reader.located_lines(deployment, entry, body)).line.arrived_at
            singles.setdefault(hour_of(timestamp(arrived_at)), []).append(change)
        done += 1
        progress("objects", done)
    yield from singles.items()


def their_lines(
    deployment: Deployment, person: DataSubject, progress: Progress
) -> Iterator[list[ArchiveLine]]:
    """The lines of the customer in archive and quarantine, those of an hour together; skips damaged objects.

    Objects with one order each are alone.
    """
    done = 0
    singles = ([entry] for entry in bucket.list_single_orders(deployment))
    for entries in chain((of_hour for _, of_hour in _by_hour(deployment)), singles):
        found: list[ArchiveLine] = []
        for entry, body in bucket.fetch_all(deployment, entries):
            try:
                if is_compacted(entry.key):
                    for there, file in reader.compacted(deployment, entry):
                        found += theirs_in(person, there.key, file)
                else:
                    found += redact(person, entry.key, body).theirs
            except reader.DAMAGE:
                pass
            done += 1
            progress("objects searched for orders", done)
        yield found


def _by_hour(deployment: Deployment) -> Iterator[tuple[datetime, Iterator[ObjectSummary]]]:
    listings = (bucket.list_by_hour(deployment, prefix) for prefix in LINES)
    entries = merge(*listings, key=lambda entry: hour_of_key(entry.key))
    return groupby(entries, lambda entry: hour_of_key(entry.key))


def redact(person: DataSubject, key: str, body: bytes) -> RedactedBatch:
    """The lines of an object that is not compacted; unchanged lines keep their bytes.

    Any other object raises one of `reader.DAMAGE`.
    """
    plain = gzip.decompress(body) if is_batch(key) else body
    theirs: list[ArchiveLine] = []
    kept: list[bytes] = []
    is_changed = False
    for text in plain.splitlines(keepends=True):
        line = read_line(text)
        rest = person.redact(line, key)
        if rest is None:
            theirs.append(line)
        else:
            kept.append(text if rest is line else _ENCODER.encode(rest) + b"\n")
        is_changed = is_changed or rest is not line
    return RedactedBatch(theirs, kept, is_changed)


def theirs_in(person: DataSubject, key: str, file: Path) -> list[ArchiveLine]:
    """The customer's lines in the compacted object `key`."""
    lines = (one.line for one in parquet.of_customer(file, person.customer_id))
    return [line for line in lines if person.redact(line, key) is None]


class _Search:
    """Searches objects for the customer, and writes what is left of them to files."""

    def __init__(
        self,
        deployment: Deployment,
        person: DataSubject,
        currency: str,
        folder: Path,
        damaged: Callable[[str], None],
    ) -> None:
        self._stack = deployment
        self._person = person
        self._currency = currency
        self._folder = folder
        self._damaged = damaged
        self._files = 0

    def plain(self, entry: ObjectSummary, body: bytes) -> Iterator[Redaction]:
        """The change of an object that is not compacted, if it needs one."""
        try:
            found = redact(self._person, entry.key, body)
        except reader.DAMAGE as error:
            self._damaged(f"s3://{self._stack.bucket}/{entry.key} is damaged: {error}")
            return
        if not found.is_changed:
            return
        left = None
        if found.kept:
            left = self._file()
            left.write_bytes(compress(found.kept) if is_batch(entry.key) else b"".join(found.kept))
        yield _change(entry.key, hashlib.sha256(body).hexdigest(), left, len(found.kept), found.theirs)

    def compacted(self, cloud: AwsClients, entry: ObjectSummary) -> Iterator[Redaction]:
        """The change of a compacted object, if it needs one."""
        for found, file in reader.compacted(self._stack, entry):
            try:
                theirs = theirs_in(self._person, found.key, file)
                if not theirs:
                    continue
                left = self._file()
                lines = parquet.write(left, self._others(found.key, file), self._currency)
            except (parquet.UnreadableValue, DamagedError) as error:
                self._damaged(f"s3://{self._stack.bucket}/{found.key} is damaged: {error}")
                continue
            sha256 = bucket.file_digest(file)
            yield _change(found.key, sha256, left if lines else None, lines, theirs)

    def _others(self, key: str, file: Path) -> Iterator[LocatedLine]:
        for one in parquet.by_place(file):
            if self._person.redact(one.line, key) is not None:
                yield one

    def _file(self) -> Path:
        self._files += 1
        return self._folder / f"{self._files}.left"


def _change(key: str, sha256: str, left: Path | None, lines: int, theirs: list[ArchiveLine]) -> Redaction:
    order_ids = [line.order_id for line in theirs if line.order_id]
    return Redaction(key, sha256, left, lines, [line.event_id for line in theirs], order_ids)
