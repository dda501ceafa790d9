"""The orders of the old pipeline and what became of each, in a file on disk: memory use is constant."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from orderstream.domain.decode import parse
from orderstream.domain.fields import utc_text
from orderstream.domain.validation import Violation
from orderstream.files.scratch import ScratchFolder
from orderstream.migration.conversion import LegacyOrder, OrderFacts

ROWS_A_PAGE = 500
# Two orders that are alike otherwise may be one that was stored twice, if they are this close.
TWICE_WITHIN = timedelta(minutes=1)

_JSON = msgspec.json.Encoder(decimal_format="number")
_REASONS = msgspec.json.Decoder(tuple[Violation, ...])
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -4096;
CREATE TABLE item (order_id TEXT PRIMARY KEY, attributes BLOB);
CREATE TABLE legacy (
    order_id TEXT PRIMARY KEY, source TEXT, data BLOB, digest BLOB, partition_key TEXT,
    customer TEXT, amount TEXT, date TEXT, predicted TEXT, reasons BLOB, taken INTEGER DEFAULT 0,
    state TEXT DEFAULT 'absent', detail TEXT DEFAULT ''
);
CREATE INDEX alike ON legacy (customer, amount, taken, date);
CREATE INDEX state ON legacy (state, order_id);
CREATE TABLE quarantined (digest BLOB PRIMARY KEY, reasons BLOB) WITHOUT ROWID;
CREATE TABLE object (key TEXT, etag TEXT, PRIMARY KEY (key, etag)) WITHOUT ROWID;
"""
# Neighbours in a sorted list, so that many orders that are alike are not a multiple of pairs.
_NEIGHBOURS = """
SELECT first, order_id, customer, amount, first_date, date FROM (
    SELECT order_id, customer, amount, date,
        lag(order_id) OVER alike AS first, lag(date) OVER alike AS first_date
    FROM legacy WHERE customer != '' AND amount != '' AND date != '' AND source != 'record'
    WINDOW alike AS (PARTITION BY customer, amount ORDER BY date, order_id)
) WHERE first IS NOT NULL AND round(86400 * (julianday(date) - julianday(first_date)), 3) <= ?
"""


class StoredOrder(NamedTuple):
    """An order of the store, without its bytes."""

    order_id: str
    partition_key: str
    digest: bytes
    facts: OrderFacts
    is_valid: bool
    state: str


class SuspectedDuplicate(NamedTuple):
    """Two orders that the old function may have stored for one."""

    order_id: str
    other: str
    customer: str
    amount: str
    date: str
    other_date: str


class LegacyStore:
    """Collects the orders of the old pipeline, and the state of each.

    The states: `absent` from the new table, `there` with the same facts, `moved` by this run, `invalid`,
    `corrected` (invalid, but there), `differs`, `failed` to be sent.
    """

    def __init__(self) -> None:
        self._folder = ScratchFolder("adopt")
        self._file = sqlite3.connect(Path(self._folder.name) / "orders.sqlite", isolation_level=None)
        self._file.executescript(_SCHEMA)
        self._file.execute("BEGIN")
        self.notes: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._folder.cleanup()

    def add_item(self, order_id: str, item: dict[str, Any]) -> None:
        """Add an item of the old table."""
        self._file.execute("INSERT OR REPLACE INTO item VALUES (?, ?)", (order_id, _JSON.encode(item)))

    def item(self, order_id: str) -> dict[str, Any] | None:
        """The item of an order, None if it has none."""
        row = self._file.execute("SELECT attributes FROM item WHERE order_id = ?", (order_id,)).fetchone()
        return _item(row[0]) if row else None

    def items_without_object(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The items whose order was not added."""
        query = (
            "SELECT order_id, attributes FROM item WHERE order_id > ? AND NOT EXISTS"
            " (SELECT 1 FROM legacy WHERE legacy.order_id = item.order_id) ORDER BY order_id LIMIT ?"
        )
        last = ""
        while rows := self._file.execute(query, (last, ROWS_A_PAGE)).fetchall():
            for last, attributes in rows:
                yield last, _item(attributes)

    def add(self, order: LegacyOrder) -> None:
        """Add an order, unless there is one with its id."""
        done = self._file.execute(
            "INSERT OR IGNORE INTO legacy (order_id, source, data, digest, partition_key, customer, amount,"
            " date, predicted, reasons, taken) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                order.order_id,
                order.source,
                order.data,
                digest_of(order.data),
                order.partition_key,
                *msgspec.structs.astuple(order.facts),
                order.predicted,
                _JSON.encode(order.reasons) if order.reasons else None,
                order.source == "record",
            ),
        )
        if done.rowcount:
            self.notes.update(order.notes)

    def has(self, order_id: str) -> bool:
        """Whether an order with this id was added."""
        query = "SELECT 1 FROM legacy WHERE order_id = ?"
        return self._file.execute(query, (order_id,)).fetchone() is not None

    def take_match(self, facts: OrderFacts, arrived_at: datetime) -> bool:
        """Whether an order, not taken before, can be what the old function made of a record; it is taken.

        It has the same customer and amount, and either the same date, none, or a later one than the arrival.
        """
        # By the index: a customer may have many orders of one amount.
        for condition, date in (
            ("date = ?", facts.date),
            ("date >= ?", utc_text(arrived_at - TWICE_WITHIN)),
            ("date = ?", ""),
        ):
            row = self._file.execute(
                f"SELECT order_id FROM legacy WHERE customer = ? AND amount = ? AND taken = 0 AND {condition}"
                " ORDER BY date LIMIT 1",
                (facts.customer, facts.amount, date),
            ).fetchone()
            if row is not None:
                self._file.execute("UPDATE legacy SET taken = 1 WHERE order_id = ?", row)
                return True
        return False

    def pages(self, *states: str) -> Iterator[list[StoredOrder]]:
        """The orders in one of these states, all of them by default, in pages by order_id."""
        chosen = f"AND state IN ({', '.join('?' * len(states))})" if states else ""
        query = (
            "SELECT order_id, partition_key, digest, customer, amount, date, reasons IS NULL, state"
            f" FROM legacy WHERE order_id > ? {chosen} ORDER BY order_id LIMIT ?"
        )
        last = ""
        while rows := self._file.execute(query, (last, *states, ROWS_A_PAGE)).fetchall():
            yield [
                StoredOrder(order_id, key, digest, OrderFacts(*facts), bool(is_valid), state)
                for order_id, key, digest, *facts, is_valid, state in rows
            ]
            last = rows[-1][0]

    def data(self, order_id: str) -> bytes:
        """The bytes of an order."""
        (data,) = self._file.execute("SELECT data FROM legacy WHERE order_id = ?", (order_id,)).fetchone()
        return bytes(data)

    def settle(self, order_id: str, state: str, detail: str = "") -> None:
        """Record the state of an order."""
        self._file.execute(
            "UPDATE legacy SET state = ?, detail = ? WHERE order_id = ?", (state, detail, order_id)
        )

    def refuse(self, order_id: str, digest: bytes) -> None:
        """Record that an order is in quarantine, for the reasons there."""
        self._file.execute(
            "UPDATE legacy SET state = 'invalid', reasons ="
            " (SELECT reasons FROM quarantined WHERE digest = ?) WHERE order_id = ?",
            (digest, order_id),
        )

    def add_quarantined(self, data: bytes, reasons: Iterable[dict[str, str]]) -> None:
        """Add a record in quarantine."""
        self._file.execute(
            "INSERT OR IGNORE INTO quarantined VALUES (?, ?)", (digest_of(data), _JSON.encode(list(reasons)))
        )

    def settle_quarantined(self) -> None:
        """Record that absent orders are invalid which are in quarantine, or cannot be sent there."""
        self._file.execute(
            "UPDATE legacy SET state = 'invalid' WHERE state = 'absent' AND reasons IS NOT NULL"
            " AND (length(data) = 0 OR digest IN (SELECT digest FROM quarantined))"
        )

    def is_quarantined(self, digest: bytes) -> bool:
        """Whether a record with these bytes is in quarantine."""
        query = "SELECT 1 FROM quarantined WHERE digest = ?"
        return self._file.execute(query, (digest,)).fetchone() is not None

    def is_new_object(self, key: str, etag: str) -> bool:
        """Whether this version of an object of the quarantine was not asked for before."""
        return bool(self._file.execute("INSERT OR IGNORE INTO object VALUES (?, ?)", (key, etag)).rowcount)

    def states(self) -> Counter[str]:
        """The number of orders in each state."""
        return Counter(dict(self._file.execute("SELECT state, count(*) FROM legacy GROUP BY state")))

    def absent(self) -> tuple[int, int]:
        """How many of the absent orders are invalid, and how many others will differ from the old ones."""
        row = self._file.execute(
            "SELECT count(reasons), count(*) FILTER (WHERE reasons IS NULL AND predicted != '') FROM legacy"
            " WHERE state = 'absent'"
        ).fetchone()
        return int(row[0]), int(row[1])

    def differences(self, most: int) -> list[tuple[str, str]]:
        """Orders that differ or were not sent, with what is different or why; and absent ones that will."""
        return self._file.execute(
            "SELECT order_id, coalesce(nullif(detail, ''), predicted) FROM legacy"
            " WHERE state IN ('differs', 'failed')"
            " OR (state = 'absent' AND predicted != '' AND reasons IS NULL) ORDER BY order_id LIMIT ?",
            (most,),
        ).fetchall()

    def invalid(self) -> Iterator[tuple[str, tuple[Violation, ...]]]:
        """The orders that are invalid, with the reasons."""
        query = "SELECT order_id, reasons FROM legacy WHERE reasons IS NOT NULL AND state != 'corrected'"
        for order_id, reasons in self._file.execute(query):
            yield order_id, _REASONS.decode(reasons)

    def duplicates(self, most: int) -> tuple[int, list[SuspectedDuplicate]]:
        """The number of suspected duplicates, and the first of them: each order with the next one alike."""
        within = TWICE_WITHIN.total_seconds()
        (count,) = self._file.execute(f"SELECT count(*) FROM ({_NEIGHBOURS})", (within,)).fetchone()
        rows = self._file.execute(f"{_NEIGHBOURS} ORDER BY date LIMIT ?", (within, most))
        return int(count), [SuspectedDuplicate(*row) for row in rows]


def _item(attributes: bytes) -> dict[str, Any]:
    found: dict[str, Any] = parse(attributes)
    return found


def digest_of(data: bytes) -> bytes:
    """By which the bytes of a record are found in the quarantine."""
    return hashlib.blake2b(data, digest_size=16).digest()
