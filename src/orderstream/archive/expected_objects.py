"""The objects that must be in the archive according to the manifests, on disk: there can be very many."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import ClientError

from orderstream.archive.manifests import Manifest, hour_of_text, hour_text
from orderstream.aws.deployment import Deployment
from orderstream.domain.object_keys import QUARANTINE
from orderstream.sdk.errors import error_code, translate_errors
from orderstream.storage.bucket import TimeRange

_HOUR = timedelta(hours=1)


class ExpectedObjects:
    """The objects in the last manifest of each hour, marked as they are found.

    `attested` are those of manifests without an hour, with their SHA-256.
    """

    def __enter__(self) -> Self:
        self.attested: dict[str, str] = {}
        # SQLite's own temporary file.
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.executescript(
            "CREATE TABLE object (key TEXT PRIMARY KEY, sha256 TEXT, hour TEXT, found INTEGER) WITHOUT ROWID;"
            "CREATE INDEX by_hour ON object (hour);"
            "CREATE TABLE hour (hour TEXT PRIMARY KEY) WITHOUT ROWID;"
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, manifest: Manifest) -> list[str]:
        """Expect these objects in the manifest's hour instead of earlier ones; without an hour, add to
        `attested`.

        Return the objects that it omits, or lists with another hash, although its act does not justify that:
        sealing only adds, and compaction does not change the quarantine.
        """
        if not manifest.hour:
            self.attested |= {one.key: one.sha256 for one in manifest.objects}
            return []
        before = self._file.execute("SELECT key, sha256 FROM object WHERE hour = ?", (manifest.hour,))
        now = {(one.key, one.sha256) for one in manifest.objects}
        lost = [key for key, sha256 in before if (key, sha256) not in now and _must_stay(manifest.act, key)]
        self._file.execute("INSERT OR IGNORE INTO hour VALUES (?)", (manifest.hour,))
        self._file.execute("DELETE FROM object WHERE hour = ?", (manifest.hour,))
        self._file.executemany(
            "INSERT OR REPLACE INTO object VALUES (?, ?, ?, 0)",
            ((one.key, one.sha256, manifest.hour) for one in manifest.objects),
        )
        return lost

    def restrict(self, span: TimeRange) -> None:
        """Expect nothing from the hours that `span` does not touch."""
        for (hour,) in self._file.execute("SELECT hour FROM hour").fetchall():
            if not touches(span, hour):
                self._file.execute("DELETE FROM object WHERE hour = ?", (hour,))

    @property
    def last_hour(self) -> str:
        """The latest sealed hour; empty if there is none."""
        (hour,) = self._file.execute("SELECT max(hour) FROM hour").fetchone()
        return hour or ""

    @property
    def hours(self) -> int:
        """The number of hours with expected objects."""
        (count,) = self._file.execute("SELECT count(DISTINCT hour) FROM object").fetchone()
        return int(count)

    def take(self, key: str) -> str | None:
        """Mark the object `key` as found. Return its SHA-256 when it was sealed; None if it was not."""
        row = self._file.execute("SELECT sha256 FROM object WHERE key = ?", (key,)).fetchone()
        self._file.execute("UPDATE object SET found = 1 WHERE key = ?", (key,))
        return row and str(row[0])

    def of_hour(self, hour: str) -> list[str]:
        """The keys of the objects of an hour."""
        rows = self._file.execute("SELECT key FROM object WHERE hour = ?", (hour,))
        return [key for (key,) in rows]

    def left(self, is_kept: Callable[[str, str], bool]) -> Iterator[tuple[str, bool]]:
        """The keys that were not found, and whether they must exist: `is_kept`, given key and hour."""
        for key, hour in self._file.execute("SELECT key, hour FROM object WHERE NOT found"):
            yield key, is_kept(key, hour)


class Expiry:
    """What the bucket's lifecycle rules have removed by `now`; `days` has key prefixes and their days."""

    def __init__(self, days: Sequence[tuple[str, int]], now: datetime) -> None:
        self._days = days
        self._now = now

    def is_kept(self, key: str, hour: str) -> bool:
        """Whether an object of an hour must still exist."""
        ends = hour_of_text(hour) + _HOUR
        return all(
            ends + timedelta(days) > self._now for prefix, days in self._days if key.startswith(prefix)
        )


def _must_stay(act: str, key: str) -> bool:
    return act in ("sealed", "accepted") or (act == "compacted" and key.startswith(QUARANTINE))


def touches(span: TimeRange, hour: str) -> bool:
    """Whether an hour, as manifests name it, overlaps `span`."""
    return (span.since is None or hour_text(span.since) <= hour) and (
        span.until is None or hour_of_text(hour) < span.until
    )


def expiry_days(deployment: Deployment) -> list[tuple[str, int]]:
    """The key prefixes that the bucket's lifecycle rules expire, with the days after which they do.

    A rule that also depends on tags or sizes does not expire every object of its prefix, and does not count.
    """
    with translate_errors(f"cannot read the lifecycle rules of {deployment.bucket}"):
        try:
            rules: Any = deployment.cloud.s3.get_bucket_lifecycle_configuration(Bucket=deployment.bucket)[
                "Rules"
            ]
        except ClientError as error:
            if error_code(error) != "NoSuchLifecycleConfiguration":
                raise
            return []
    found = []
    for rule in rules:
        days = rule.get("Expiration", {}).get("Days")
        if rule["Status"] == "Enabled" and days:
            where = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
            if where.keys() <= {"Prefix"}:
                found.append((where.get("Prefix", ""), days))
    return found
