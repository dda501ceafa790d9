"""Manifests: the archive's objects for each hour, each with the hash of the previous manifest.

`audit` detects whether an object of a sealed hour was altered, removed or added. Changing a manifest to match
breaks the chain from there on. The chain is as strong as the place where its head is recorded, or as Object
Lock on the bucket.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Literal

import msgspec

from orderstream.aws.deployment import Deployment
from orderstream.domain.fields import utc_text
from orderstream.domain.object_keys import MANIFESTS, manifest_key, manifest_of_key
from orderstream.errors import CloudError, DamagedError, InputError
from orderstream.sdk.errors import translate_errors
from orderstream.storage import bucket
from orderstream.storage.bucket import TimeRange

# Precedes the first manifest.
GENESIS_HASH = "0" * 64

Operation = Literal["sealed", "accepted", "compacted", "erased", "erasure"]


class SealedObject(msgspec.Struct, frozen=True):
    """An object as it was sealed: the SHA-256 (hex) of its bytes, its size in bytes, and its line count."""

    key: str
    sha256: str
    size: int
    lines: int


class Manifest(msgspec.Struct, frozen=True):
    """All objects of an hour (`2026-11-24T18`, of arrival, UTC), after `act` was applied to it at `at`.

    `previous` is the SHA-256 of the previous manifest. `note` is the id of an erasure or, for the manifest of
    the erasure as a whole, the hash of its receipt. A manifest without an hour attests objects beside the
    archive: tombstones, and the remains of discarded batches.
    """

    number: int
    previous: str
    hour: str
    at: str
    act: Operation
    objects: list[SealedObject]
    note: str = ""


class Head(msgspec.Struct, frozen=True):
    """The last manifest of a chain: if recorded elsewhere, it proves that nothing before it changed."""

    number: int
    sha256: str


class Link(msgspec.Struct, frozen=True):
    """The information in the name of a manifest."""

    key: str
    written: datetime
    number: int
    hour: str
    act: str


class Chain:
    """The current chain of a bucket. Append to it only while holding the archive's lease."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._hours: dict[str, Link] = {}
        self._sealed_at: dict[str, datetime] = {}
        self._last = 0
        self._head = GENESIS_HASH
        link = None
        for link in links(deployment):
            self._hours[link.hour] = link
            self._sealed_at.setdefault(link.hour, link.written)
        if link:
            self._last = link.number
            self._head = digest(read(deployment, link.key))

    @property
    def head(self) -> Head:
        """Its last manifest."""
        return Head(self._last, self._head)

    @property
    def last_hour(self) -> str:
        """The latest sealed hour; empty if there is none."""
        return max(self._hours, default="")

    def of_hour(self, hour: str) -> Manifest | None:
        """The last manifest of an hour; None if it was never sealed."""
        link = self._hours.get(hour)
        return parsed(self._deployment, link.key, read(self._deployment, link.key)) if link else None

    def not_compacted(self, span: TimeRange) -> list[str]:
        """The hours in `span` that were never compacted, or were changed since."""
        first = hour_text(span.since) if span.since else ""
        last = hour_text(span.until) if span.until else "~"
        waiting = (link.hour for link in self._hours.values() if link.act != "compacted")
        return sorted(hour for hour in waiting if hour and first <= hour < last)

    def sealed_at(self, hour: str) -> datetime | None:
        """When an hour was first sealed; None if it was not when this chain was loaded."""
        return self._sealed_at.get(hour)

    def append(self, hour: str, act: Operation, objects: Iterable[SealedObject], note: str = "") -> Manifest:
        """Write the next manifest."""
        found = sorted(objects, key=lambda one: one.key)
        now = utc_text(self._deployment.cloud.now())
        manifest = Manifest(self._last + 1, self._head, hour, now, act, found, note)
        body = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
        key = _key(manifest)
        with translate_errors(f"cannot write s3://{self._deployment.bucket}/{key}"):
            self._deployment.cloud.s3.put_object(
                Bucket=self._deployment.bucket, Key=key, Body=body, IfNoneMatch="*"
            )
        self._last, self._head = manifest.number, digest(body)
        self._hours[hour] = Link(key, self._deployment.cloud.now(), manifest.number, hour, act)
        return manifest


def links(deployment: Deployment, *, foreign: Callable[[str], None] = lambda key: None) -> Iterator[Link]:
    """Every manifest, in numerical order. `foreign` is called with the keys of other objects there."""
    for entry in bucket.list_prefix(deployment, MANIFESTS):
        found = manifest_of_key(entry.key)
        if found and _is_hour(found[1]):
            yield Link(entry.key, entry.modified, *found)
        else:
            foreign(entry.key)


def _is_hour(text: str) -> bool:
    try:
        # Later years would overflow calculations with the hour.
        return not text or (text[0] == "2" and hour_text(hour_of_text(text)) == text)
    except ValueError:
        return False


def attested(deployment: Deployment) -> dict[str, str]:
    """The objects that manifests without an hour attest, each with its last SHA-256."""
    found: dict[str, str] = {}
    for link in links(deployment):
        if not link.hour:
            manifest = parsed(deployment, link.key, read(deployment, link.key))
            found |= {one.key: one.sha256 for one in manifest.objects}
    return found


def read(deployment: Deployment, key: str) -> bytes:
    """The bytes of a manifest."""
    body = bucket.fetch(deployment, key)
    if body is None:
        raise CloudError(f"s3://{deployment.bucket}/{key} is gone since it was listed")
    return body


def parsed(deployment: Deployment, key: str, body: bytes) -> Manifest:
    """The manifest in those bytes. Raises DamagedError, also if it is not the one that `key` names."""
    try:
        found = msgspec.json.decode(body, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedError(f"s3://{deployment.bucket}/{key} is not a valid manifest: {error}") from error
    if key != _key(found):
        raise DamagedError(f"s3://{deployment.bucket}/{key} is another manifest: {_key(found)}")
    return found


def _key(manifest: Manifest) -> str:
    return manifest_key(manifest.number, manifest.hour, manifest.act)


def digest(body: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(body).hexdigest()


def hour_text(hour: datetime) -> str:
    """An hour (aware UTC) as manifests name it."""
    return f"{hour:%Y-%m-%dT%H}"


def hour_of_text(text: str) -> datetime:
    """The hour that a manifest names, as aware UTC."""
    return datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)


def head_of(text: str) -> Head:
    """Parse a head as printed, NUMBER:SHA256. Raises InputError for anything else."""
    number, _, sha256 = text.partition(":")
    if not number.isdecimal() or not re.fullmatch("[0-9a-f]{64}", sha256):
        raise InputError(
            f"{text!r} is not a valid head", hint="write NUMBER:SHA256, as orders archive audit prints it"
        )
    return Head(int(number), sha256)
