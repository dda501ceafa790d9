"""Delete noncurrent object versions that contain data of one customer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from orderstream.archive.data_subject import DataSubject
from orderstream.archive.redaction import redact, theirs_in
from orderstream.archive.seal import record_digest
from orderstream.aws.deployment import Deployment
from orderstream.domain.object_keys import (
    ARCHIVE,
    DISCARDED,
    LINES,
    QUARANTINE,
    RESUBMITTED,
    hour_of_key,
    hour_prefix_of,
    is_compacted,
    is_hourly,
)
from orderstream.files.scratch import ScratchFolder
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes, read_line
from orderstream.progress import Progress
from orderstream.recovery.dead_letters import url
from orderstream.sdk.errors import translate_errors
from orderstream.storage import bucket, parquet, reader
from orderstream.storage.bucket import ObjectSummary
from orderstream.storage.tombstones import erased_event_ids, erased_in_hour


@dataclass
class DeletedVersions:
    """How many old versions were deleted, which are locked until when, and what else was kept and why."""

    versions: int = 0
    locked: dict[str, datetime] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def delete_noncurrent(
    deployment: Deployment,
    person: DataSubject,
    events: set[str],
    *,
    dry_run: bool,
    progress: Progress,
) -> DeletedVersions:
    """Delete every old version with data of the customer, or of the `events` known to be theirs.

    A version with the only copy of other customers' records is kept, and is a problem: somebody has removed
    them.
    """
    # After an interrupted erasure, its tombstones alone tell whose the events in old versions were.
    person.erased = set(erased_event_ids(deployment))
    removal = _Removal(deployment, person, dry_run=dry_run, progress=progress)
    for prefix in LINES:
        versions = removal.old(deployment, prefix)
        for folder, of_hour in groupby(versions, lambda version: hour_prefix_of(version[0].key)):
            removal.of_hour(prefix, folder, of_hour)
    for version, body in removal.old(deployment.discarded, DISCARDED):
        if person.redact_batch(url(deployment, version.key), body)[1]:
            removal.remove(deployment.discarded, version)
    for version, body in removal.old(deployment, RESUBMITTED):
        # An interrupted erasure has left tombstones: their events no longer identify a customer.
        erased = erased_in_hour(deployment, hour_of_key(version.key)) if is_hourly(version.key) else set()
        if any(event_id.encode() in body for event_id in events | erased):
            removal.remove(deployment, version)
    return removal.removed


def noncurrent_versions(deployment: Deployment, prefix: str) -> Iterator[ObjectSummary]:
    """The noncurrent versions under `prefix`."""
    with translate_errors(f"cannot list the versions of s3://{deployment.bucket}/{prefix}"):
        pages = deployment.cloud.s3.get_paginator("list_object_versions").paginate(
            Bucket=deployment.bucket, Prefix=prefix
        )
        for page in pages:
            for one in page.get("Versions", []):
                if not one["IsLatest"]:
                    modified = one["LastModified"].astimezone(UTC)
                    yield ObjectSummary(one["Key"], one["ETag"], modified, one["Size"], one["VersionId"])


class _Removal:
    """Reads old versions, and deletes selected ones."""

    def __init__(
        self,
        deployment: Deployment,
        person: DataSubject,
        *,
        dry_run: bool,
        progress: Progress,
    ) -> None:
        self._deployment = deployment
        self._person = person
        self._dry_run = dry_run
        self._progress = progress
        self._looked_at = 0
        self.removed = DeletedVersions()

    def old(self, place: Deployment, prefix: str) -> Iterator[tuple[ObjectSummary, bytes]]:
        """The old versions under `prefix` in the bucket of `place`, with their bytes except for compacted
        ones.
        """
        versions = noncurrent_versions(place, prefix)
        for version, body in bucket.fetch_all(place, versions):
            self._looked_at += 1
            self._progress("old versions", self._looked_at)
            yield version, body

    def of_hour(self, prefix: str, folder: str, versions: Iterable[tuple[ObjectSummary, bytes]]) -> None:
        """Delete the versions of an hour that contain data of the customer."""
        theirs: list[ObjectSummary] = []
        others: dict[bytes, set[ObjectSummary]] = {}
        for version, body in versions:
            try:
                kept = self._kept(version, body)
            except reader.DAMAGE as error:
                self.removed.problems.append(
                    f"version {version.version} of {version.key} is damaged: {error}"
                )
                continue
            if kept is not None:
                theirs.append(version)
                for line in kept:
                    others.setdefault(record_digest(line.event_id, original_bytes(line)), set()).add(version)
        if others:
            for line in self._current(prefix, folder):
                others.pop(record_digest(line.event_id, original_bytes(line)), None)
        only_copy = set().union(*others.values())
        for version in theirs:
            if version in only_copy:
                self.removed.problems.append(
                    f"version {version.version} of {version.key} has the only copy of other records:"
                    " restore it first"
                )
            else:
                self.remove(self._deployment, version)

    def remove(self, place: Deployment, version: ObjectSummary) -> None:
        """Delete a version in the bucket of `place`, unless Object Lock retains it or this is a dry run."""
        bucket_name, key = place.bucket, version.key
        with translate_errors(f"cannot remove version {version.version} of s3://{bucket_name}/{key}"):
            client = self._deployment.cloud.s3
            found = client.head_object(Bucket=bucket_name, Key=key, VersionId=version.version)
            until = found.get("ObjectLockRetainUntilDate")
            if until is not None and until > self._deployment.cloud.now():
                self.removed.locked[f"{key} ({version.version})"] = until
                return
            self.removed.versions += 1
            if not self._dry_run:
                client.delete_object(Bucket=bucket_name, Key=key, VersionId=version.version)

    def _kept(self, version: ObjectSummary, body: bytes) -> Iterable[ArchiveLine] | None:
        """The lines of others in a version with data of the customer; None if it has none."""
        if not is_compacted(version.key):
            found = redact(self._person, version.key, body)
            return map(read_line, found.kept) if found.is_changed else None
        with ScratchFolder("version") as folder:
            file = Path(folder) / "old.parquet"
            bucket.download(self._deployment, version, file)
            if not theirs_in(self._person, version.key, file):
                return None
            lines = (one.line for one in parquet.by_arrival(file))
            return [line for line in lines if self._person.redact(line, version.key) is not None]

    def _current(self, prefix: str, folder: str) -> Iterator[ArchiveLine]:
        """The current lines of the archive for the hour of that folder, or of its quarantine."""
        for one in (QUARANTINE,) if prefix == QUARANTINE else ARCHIVE:
            entries = bucket.of_hour(self._deployment, hour_prefix_of(folder, one))
            for placed in reader.readable_lines(self._deployment, entries):
                yield placed.line
