"""Announced versions of orders in the reconciliation store, compared with the items in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from orderstream.domain.fold import applied_hashes, version_of
from orderstream.domain.order_event import position_hash
from orderstream.feed.cloud_event import ERASED
from orderstream.pipeline.attributes import plain_value
from orderstream.recovery.stored_events import OrderWithEvents, StoredEvents
from orderstream.storage.announcements import Announced

# A sequence number has up to 56 digits.
_DIGITS = 60


@dataclass(frozen=True)
class OrderVersions:
    """Versions of an order, in their order."""

    order_id: str
    versions: list[int]


class AnnouncedVersions:
    """Announcements in the `file` of a reconciliation. When an order is erased, those before do not count."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file
        self._events = StoredEvents(file)
        # How far the feed was read.
        self.read_until: datetime | None = None

    def add(self, one: Announced) -> None:
        """Add an announcement. Those of an order may be added in any order."""
        order_id, place = one.change.subject, one.record.sequence_number.rjust(_DIGITS, "0")
        if one.change.name == ERASED:
            self._file.execute(
                "INSERT INTO announced_erased VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET place = max(place, excluded.place)",
                (order_id, place),
            )
            self._file.execute("DELETE FROM announced WHERE order_id = ? AND place < ?", (order_id, place))
        else:
            self._file.execute(
                "INSERT OR REPLACE INTO announced SELECT ?1, ?2, ?3 WHERE NOT EXISTS"
                " (SELECT 1 FROM announced_erased WHERE order_id = ?1 AND place > ?3)",
                (order_id, one.change.data.version, place),
            )

    def count(self) -> int:
        """The number of announced versions."""
        return int(self._file.execute("SELECT count(*) FROM announced").fetchone()[0])

    def missing(self, since: str, settled: str) -> Iterator[OrderVersions]:
        """The versions that were not announced of what arrived from `since` to `settled` (exclusive)."""
        rows = self._file.execute(
            "SELECT order_id FROM item WHERE state IS NULL AND arrived >= ? AND arrived < ? AND NOT EXISTS"
            " (SELECT 1 FROM announced WHERE announced.order_id = item.order_id AND version = 1)",
            (since, settled),
        )
        for (order_id,) in rows:
            yield OrderVersions(order_id, [1])
        for order in self._events.orders():
            if order.item is None:
                continue
            expected = _expected(order, since, settled)
            if versions := sorted(expected - self._of(order.order_id)):
                yield OrderVersions(order.order_id, versions)

    def unstored(self) -> Iterator[OrderVersions]:
        """The last version that was announced of orders that had a lower one in the table, or were not in it
        when it was read.
        """
        rows = self._file.execute(
            "SELECT announced.order_id, max(version), item.order_id, state FROM announced"
            " LEFT JOIN item USING (order_id) GROUP BY announced.order_id"
        )
        for order_id, version, known, state in rows:
            stored = version_of(plain_value({"M": msgspec.json.decode(state)})) if state else 1
            if known is None or version > stored:
                yield OrderVersions(order_id, [version])

    def _of(self, order_id: str) -> set[int]:
        rows = self._file.execute("SELECT version FROM announced WHERE order_id = ?", (order_id,))
        return {version for (version,) in rows}


def _expected(order: OrderWithEvents, since: str, settled: str) -> set[int]:
    """The versions that the arrivals from `since` to `settled` made: each one made one, in their order."""
    assert order.item is not None
    applied = applied_hashes(order.item)
    arrivals = [row["ReceivedAt"] for row in order.events if position_hash(row["Position"]) in applied]
    arrivals.append(order.item.get("ReceivedAt", ""))
    last = version_of(order.item) - sum(at >= settled for at in arrivals)
    count = sum(since <= at < settled for at in arrivals)
    return set(range(last - count + 1, last + 1))
