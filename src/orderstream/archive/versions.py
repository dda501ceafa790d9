"""Versions of objects in whose place others are by now: those that have something of one customer go."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from orderstream.archive.person import Person
from orderstream.archive.rewriting import PREFIXES, cleaned, theirs_in
from orderstream.ops import bucket, parquet, reading
from orderstream.ops.cloud import Cloud, cloud_errors
from orderstream.ops.failures import PREFIX as FAILED
from orderstream.ops.notes import PREFIX as NOTED
from orderstream.ops.stack import Stack
from orderstream.pipeline.lines import Line, raw_of, read_line


@dataclass(frozen=True)
class Version:
    """A version that is not the current one."""

    key: str
    id: str


@dataclass
class Removed:
    """How many old versions went, which are locked until when, and what else was kept and why."""

    versions: int = 0
    locked: dict[str, datetime] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def remove_old(
    cloud: Cloud,
    stack: Stack,
    person: Person,
    events: set[str],
    *,
    dry_run: bool,
    progress: Callable[[str, int], None],
) -> Removed:
    """Remove every old version with something of the customer, or of the `events` that are known as theirs.

    One that has records of others which are nowhere else stays, and is a problem: somebody has removed them.
    """
    removed = Removed()
    looked_at = 0

    def counted(versions: Iterable[Version]) -> Iterator[Version]:
        nonlocal looked_at
        for version in versions:
            looked_at += 1
            progress("old versions", looked_at)
            yield version

    for prefix in PREFIXES:
        versions = counted(old_versions(cloud, stack, f"{prefix}/"))
        for folder, of_hour in groupby(versions, lambda version: version.key.rpartition("/")[0]):
            _remove_of_hour(cloud, stack, person, folder, of_hour, removed, dry_run=dry_run)
    for version in counted(old_versions(cloud, stack, FAILED)):
        if _is_theirs(person, _body(cloud, stack, version)):
            _remove(cloud, stack, version, removed, dry_run=dry_run)
    for version in counted(old_versions(cloud, stack, f"{NOTED}/")):
        if any(event_id.encode() in _body(cloud, stack, version) for event_id in events):
            _remove(cloud, stack, version, removed, dry_run=dry_run)
    return removed


def old_versions(cloud: Cloud, stack: Stack, prefix: str) -> Iterator[Version]:
    """The versions under `prefix` that are not current."""
    with cloud_errors(f"cannot list the versions of s3://{stack.bucket}/{prefix}"):
        pages = cloud.s3.get_paginator("list_object_versions").paginate(Bucket=stack.bucket, Prefix=prefix)
        for page in pages:
            for one in page.get("Versions", []):
                if not one["IsLatest"]:
                    yield Version(one["Key"], one["VersionId"])


def _remove_of_hour(
    cloud: Cloud,
    stack: Stack,
    person: Person,
    folder: str,
    versions: Iterable[Version],
    removed: Removed,
    *,
    dry_run: bool,
) -> None:
    theirs: list[Version] = []
    others: dict[bytes, set[Version]] = {}
    for version in versions:
        try:
            is_theirs, kept = _split(cloud, stack, person, version)
        except reading.DAMAGE as error:
            removed.problems.append(f"version {version.id} of {version.key} is damaged: {error}")
            continue
        if is_theirs:
            theirs.append(version)
            for line in kept:
                others.setdefault(_mark(line), set()).add(version)
    if others:
        for line in _current(cloud, stack, folder):
            others.pop(_mark(line), None)
    only_copy = set().union(*others.values())
    for version in theirs:
        if version in only_copy:
            removed.problems.append(
                f"version {version.id} of {version.key} has the only copy of other records: restore it first"
            )
        else:
            _remove(cloud, stack, version, removed, dry_run=dry_run)


def _split(cloud: Cloud, stack: Stack, person: Person, version: Version) -> tuple[bool, Iterator[Line]]:
    """Whether a version has something of the customer, and the lines of others in it."""
    body = _body(cloud, stack, version)
    if not bucket.is_compacted(version.key):
        found = cleaned(person, version.key, body)
        return found.is_changed, map(read_line, found.kept)
    with TemporaryDirectory(prefix="orderstream-version-") as folder:
        file = Path(folder) / "old.parquet"
        file.write_bytes(body)
        if not theirs_in(person, file):
            return False, iter(())
        kept = [one.line for one in parquet.by_arrival(file) if person.without(one.line) is not None]
        return True, iter(kept)


def _current(cloud: Cloud, stack: Stack, folder: str) -> Iterator[Line]:
    """The lines that are now in the archive for an hour, or in its quarantine, or those of single orders."""
    prefix, _, hour = folder.partition("/")
    if not hour:
        return
    prefixes = ["quarantine"] if prefix == "quarantine" else ["orders", bucket.COMPACTED]
    for one in prefixes:
        for opened in reading.objects(cloud, stack, bucket.listed(cloud, stack, f"{one}/{hour}/")):
            for placed in reading.undamaged(opened.lines, opened.key, lambda key, what: None):
                yield placed.line


def _is_theirs(person: Person, body: bytes) -> bool:
    try:
        return bool(person.without_records(body)[1])
    except (KeyError, TypeError, ValueError, msgspec.DecodeError):
        return person.is_named_in(body)


def _body(cloud: Cloud, stack: Stack, version: Version) -> bytes:
    with cloud_errors(f"cannot read version {version.id} of s3://{stack.bucket}/{version.key}"):
        answer = cloud.s3.get_object(Bucket=stack.bucket, Key=version.key, VersionId=version.id)
        return answer["Body"].read()


def _remove(cloud: Cloud, stack: Stack, version: Version, removed: Removed, *, dry_run: bool) -> None:
    where: dict[str, Any] = {"Bucket": stack.bucket, "Key": version.key, "VersionId": version.id}
    with cloud_errors(f"cannot remove version {version.id} of s3://{stack.bucket}/{version.key}"):
        until: datetime | None = cloud.s3.head_object(**where).get("ObjectLockRetainUntilDate")
        if until is not None and until > datetime.now(until.tzinfo):
            removed.locked[f"{version.key} ({version.id})"] = until
            return
        removed.versions += 1
        if not dry_run:
            cloud.s3.delete_object(**where)


def _mark(line: Line) -> bytes:
    return hashlib.blake2b(line.event_id.encode() + b"\n" + raw_of(line), digest_size=16).digest()
