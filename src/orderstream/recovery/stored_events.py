"""The events of the table OrderEvents in the reconciliation store, and the orders that they belong to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

import msgspec

from orderstream.domain.order_event import position_hash
from orderstream.pipeline.attributes import attribute_value, plain_value
from orderstream.storage.order_events import Row

# What a fold reads of an event. The columns have the rest that is reported.
_FOLDED = ("Position", "Event", "OccurredAt", "ProducerEventID", "Seq", "Amount", "Currency", "Items")


@dataclass(frozen=True)
class OrderWithEvents:
    """An order's item, None if there is none or it has no state, and its events in the table OrderEvents."""

    order_id: str
    item: dict[str, Any] | None
    events: list[Row]

    @property
    def arrivals(self) -> Iterator[str]:
        """When the order and its events arrived, as UTC text."""
        documents = (self.item or {}, *self.events)
        return (document["ReceivedAt"] for document in documents if "ReceivedAt" in document)


class StoredEvents:
    """Events, and placeholders of orders that have not arrived, in the `file` of a reconciliation."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file

    def add(self, rows: Iterable[Row]) -> None:
        """Add events of the table OrderEvents."""
        for row in rows:
            key = row["ArchiveKey"]
            content = {name: attribute_value(row[name]) for name in _FOLDED if name in row}
            self._file.execute("INSERT OR IGNORE INTO object (key) VALUES (?)", (key,))
            self._file.execute(
                "INSERT OR REPLACE INTO order_event"
                " VALUES (?, ?, ?, (SELECT id FROM object WHERE key = ?), ?, ?)",
                (
                    row["OrderID"],
                    position_hash(row["Position"]),
                    row["EventID"],
                    key,
                    row["ReceivedAt"],
                    msgspec.json.encode(content),
                ),
            )

    def add_placeholder(self, order_id: str, since: str) -> None:
        """Add an order that has not arrived, and since when events of it wait."""
        self._file.execute("INSERT OR REPLACE INTO placeholder VALUES (?, ?)", (order_id, since))

    def count(self) -> int:
        """The number of events."""
        return int(self._file.execute("SELECT count(*) FROM order_event").fetchone()[0])

    def waiting(self) -> tuple[int, str | None]:
        """The number of events that wait for their orders, and since when the first of them does."""
        count, since = self._file.execute(
            "SELECT count(*), min(since) FROM placeholder JOIN order_event USING (order_id)"
        ).fetchone()
        return count, since

    def orders(self) -> Iterator[OrderWithEvents]:
        """The orders that have events or a state that follows from events, except those that have not
        arrived.
        """
        rows = self._file.execute(
            "SELECT order_id, state, order_event.event, order_event.arrived, content"
            " FROM order_event LEFT JOIN item USING (order_id)"
            " WHERE order_id NOT IN (SELECT order_id FROM placeholder) ORDER BY order_id"
        )
        without = self._file.execute(
            "SELECT order_id, state, NULL, NULL, NULL FROM item WHERE state IS NOT NULL"
            " AND order_id NOT IN (SELECT order_id FROM order_event)"
        )
        for order_id, group in groupby(chain(rows, without), itemgetter(0)):
            found = list(group)
            state = found[0][1]
            events = [_event(order_id, *row[2:]) for row in found if row[2] is not None]
            yield OrderWithEvents(order_id, _plain(state) if state else None, events)


def _event(order_id: str, event_id: str, arrived_at: str, content: bytes) -> Row:
    return _plain(content) | {"OrderID": order_id, "EventID": event_id, "ReceivedAt": arrived_at}


def _plain(document: bytes) -> dict[str, Any]:
    found: dict[str, Any] = plain_value({"M": msgspec.json.decode(document)})
    return found
