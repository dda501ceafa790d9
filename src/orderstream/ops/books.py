"""The books: every record, item and quarantined record of a stack side by side, in a file on disk."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from orderstream.domain.decode import decode
from orderstream.domain.identity import order_id_of
from orderstream.domain.values import utc_text
from orderstream.ops.bucket import Entry
from orderstream.pipeline.lines import Line, raw_of
from orderstream.pipeline.records import Record

# Fingerprints are in binary, times are text of one width. An object named by an item alone has no etag.
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -4096;
CREATE TABLE object (id INTEGER PRIMARY KEY, key TEXT UNIQUE, etag TEXT);
CREATE TABLE archived (
    event TEXT, object INTEGER, order_id TEXT, fingerprint BLOB, content BLOB, arrived TEXT, single INTEGER,
    PRIMARY KEY (event, object)
) WITHOUT ROWID;
CREATE INDEX single ON archived (object) WHERE single;
CREATE TABLE streamed (
    event TEXT PRIMARY KEY, order_id TEXT, fingerprint BLOB, content BLOB, arrived TEXT
) WITHOUT ROWID;
CREATE TABLE item (
    order_id TEXT PRIMARY KEY, event TEXT, object INTEGER, fingerprint BLOB, arrived TEXT
) WITHOUT ROWID;
CREATE TABLE quarantined (event TEXT PRIMARY KEY, conflict INTEGER, arrived TEXT) WITHOUT ROWID;
CREATE TABLE given_up (event TEXT PRIMARY KEY, key TEXT) WITHOUT ROWID;
CREATE TABLE erased (event TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE damaged (key TEXT PRIMARY KEY, what TEXT) WITHOUT ROWID;
-- Every record that is known of, once, however often it was delivered.
CREATE VIEW record AS
    SELECT event, order_id, fingerprint, arrived, min(object) AS object FROM archived GROUP BY event
    UNION ALL
    SELECT event, order_id, fingerprint, arrived, NULL FROM streamed
    WHERE NOT EXISTS (SELECT 1 FROM archived WHERE archived.event = streamed.event)
    UNION ALL
    SELECT event, NULL, NULL, arrived, NULL FROM quarantined
    WHERE NOT EXISTS (SELECT 1 FROM archived WHERE archived.event = quarantined.event)
    AND NOT EXISTS (SELECT 1 FROM streamed WHERE streamed.event = quarantined.event);
CREATE VIEW fate AS
    SELECT record.event, record.order_id, record.arrived, record.object, CASE
        WHEN item.fingerprint = record.fingerprint AND item.event = record.event THEN 'stored'
        WHEN item.fingerprint = record.fingerprint THEN 'duplicate'
        WHEN quarantined.conflict THEN 'conflict'
        WHEN quarantined.event IS NOT NULL THEN 'invalid'
        WHEN given_up.event IS NOT NULL THEN 'given_up'
        WHEN erased.event IS NOT NULL THEN 'erased'
        ELSE 'open'
    END AS fate
    FROM record LEFT JOIN quarantined USING (event) LEFT JOIN item USING (order_id)
    LEFT JOIN given_up ON given_up.event = record.event LEFT JOIN erased ON erased.event = record.event;
"""

# An item's bytes are in the object that it names: under its event or, where the object is one
# order's, under the event that came first. (There are two where that was compacted, and its key taken again.)
_OF_EVENT = "SELECT 1 FROM archived WHERE archived.event = item.event AND archived.object = item.object"
_SINGLE = "SELECT 1 FROM archived WHERE archived.single AND archived.object = item.object"
_SAME = "AND archived.fingerprint IS item.fingerprint"
_ITEMS = "FROM item JOIN object ON object.id = item.object WHERE item.arrived >= ? AND item.arrived < ?"


@dataclass(frozen=True)
class Discrepancy:
    """Something that is not as it must be: of which `kind`, the `id` of what it is about, and `detail`."""

    kind: str
    id: str
    detail: str


@dataclass(frozen=True)
class Open:
    """A record that is neither an item nor quarantined; `key` of an object that has it, None without one."""

    event_id: str
    order_id: str | None
    arrived_at: str
    key: str | None


class Books:
    """Takes what the stream, the archive, the table and the quarantine hold, and says what disagrees.

    What is entered again is counted once. Memory is flat: all of it lies in a temporary file.
    """

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="orderstream-books-")
        # One thread at a time uses it, not always the same one.
        self._file = sqlite3.connect(
            Path(self._folder.name) / "books.sqlite", isolation_level=None, check_same_thread=False
        )
        self._file.executescript(_SCHEMA)
        self._file.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._folder.cleanup()

    def is_known(self, entry: Entry) -> bool:
        """Whether this version of an object was entered."""
        row = self._file.execute("SELECT etag FROM object WHERE key = ?", (entry.key,)).fetchone()
        return row is not None and row[0] == entry.etag

    def enter_object(self, key: str, etag: str) -> None:
        """Note that an object's lines were entered."""
        self._file.execute(
            "INSERT INTO object (key, etag) VALUES (?, ?) ON CONFLICT DO UPDATE SET etag = excluded.etag",
            (key, etag),
        )

    def enter_archived(self, key: str, lines: Iterable[Line]) -> None:
        """Enter lines of an object of the archive."""
        self._file.execute("INSERT OR IGNORE INTO object (key) VALUES (?)", (key,))
        (number,) = self._file.execute("SELECT id FROM object WHERE key = ?", (key,)).fetchone()
        single = not key.endswith(".gz")
        self._file.executemany(
            "INSERT OR REPLACE INTO archived VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (line.event_id, number, *_content(line.event_id, raw_of(line)), line.arrived_at, single)
                for line in lines
            ),
        )

    def enter_streamed(self, records: Iterable[Record]) -> None:
        """Enter records of the stream, aggregates taken apart."""
        self._file.executemany(
            "INSERT OR REPLACE INTO streamed VALUES (?, ?, ?, ?, ?)",
            (
                (record.event_id, *_content(record.event_id, record.data), utc_text(record.arrived_at))
                for record in records
            ),
        )

    def enter_items(self, items: Iterable[dict[str, str]]) -> None:
        """Enter items: OrderID, EventID, ArchiveKey, Fingerprint, ReceivedAt, as text."""
        for item in items:
            key = item.get("ArchiveKey", "")
            self._file.execute("INSERT OR IGNORE INTO object (key) VALUES (?)", (key,))
            self._file.execute(
                "INSERT OR REPLACE INTO item VALUES (?, ?, (SELECT id FROM object WHERE key = ?), ?, ?)",
                (
                    item["OrderID"],
                    item.get("EventID", ""),
                    key,
                    _binary(item.get("Fingerprint", "")),
                    item.get("ReceivedAt", ""),
                ),
            )

    def enter_quarantined(self, lines: Iterable[Line]) -> None:
        """Enter lines of an object of the quarantine."""
        self._file.executemany(
            "INSERT OR REPLACE INTO quarantined VALUES (?, ?, ?)",
            (
                (line.event_id, [one["code"] for one in line.reasons[:1]] == ["conflict"], line.arrived_at)
                for line in lines
            ),
        )

    def enter_given_up(self, key: str, records: Iterable[Record]) -> None:
        """Enter the records of an on-failure object, aggregates taken apart."""
        self._file.executemany(
            "INSERT OR REPLACE INTO given_up VALUES (?, ?)", ((record.event_id, key) for record in records)
        )

    def enter_erased(self, events: Iterable[str]) -> None:
        """Enter events that were erased on purpose."""
        self._file.executemany("INSERT OR IGNORE INTO erased VALUES (?)", ((event,) for event in events))

    def enter_damaged(self, key: str, what: str) -> None:
        """Note an object that cannot be read to its end."""
        self._file.execute("INSERT OR REPLACE INTO damaged VALUES (?, ?)", (key, what))

    @property
    def archived(self) -> int:
        """How many distinct records the archive holds."""
        return self._count("SELECT count(DISTINCT event) FROM archived")

    @property
    def streamed(self) -> int:
        """How many records were read from the stream."""
        return self._count("SELECT count(*) FROM streamed")

    @property
    def items(self) -> int:
        """How many items the table holds."""
        return self._count("SELECT count(*) FROM item")

    def order_ids(self) -> list[str]:
        """The ids of the orders among the records of the stream."""
        rows = self._file.execute("SELECT DISTINCT order_id FROM streamed WHERE order_id IS NOT NULL")
        return [order_id for (order_id,) in rows]

    def fates(self) -> dict[str, int]:
        """How many records are stored, duplicate, conflict, invalid, given_up, erased or open, each once."""
        return dict(self._file.execute("SELECT fate, count(*) FROM fate GROUP BY fate").fetchall())

    def open(self) -> Iterator[Open]:
        """The records that are nowhere but in the archive or the stream, those of one object together."""
        rows = self._file.execute(
            "SELECT event, order_id, arrived, key FROM fate LEFT JOIN object ON id = object"
            " WHERE fate = 'open' ORDER BY object"
        )
        return (Open(*row) for row in rows)

    def given_up(self) -> Iterator[tuple[str, str]]:
        """The events that lie in an on-failure object and nowhere else, each with that object's key."""
        return self._file.execute(
            "SELECT event, key FROM given_up JOIN fate USING (event) WHERE fate = 'given_up'"
        )

    def unread(self, since: str, until: str) -> list[tuple[str, str]]:
        """The keys of objects not read that items received from `since` to `until` (not) name, with when."""
        return self._file.execute(
            "SELECT key, min(arrived) FROM item JOIN object ON id = object"
            " WHERE etag IS NULL AND key != '' AND arrived >= ? AND arrived < ? GROUP BY key",
            (since, until),
        ).fetchall()

    def discrepancies(self, since: str, until: str) -> Iterator[Discrepancy]:
        """What is wrong with items received from `since` to `until` (not), and with the archive."""
        span = (since, until)
        queries = (
            (
                "no_bytes",
                "SELECT item.order_id, 'the item names event ' || item.event || ' in ' || key ||"
                f" ', which is not there' {_ITEMS} AND NOT EXISTS ({_OF_EVENT}) AND NOT EXISTS ({_SINGLE})",
                span,
            ),
            (
                "differs",
                "SELECT item.order_id, 'the bytes in ' || key || ' are not those that the item was made of'"
                f" {_ITEMS} AND (EXISTS ({_OF_EVENT}) OR EXISTS ({_SINGLE}))"
                f" AND NOT EXISTS ({_OF_EVENT} {_SAME}) AND NOT EXISTS ({_SINGLE} {_SAME})",
                span,
            ),
            (
                "twice",
                "SELECT event, 'is the event of ' || count(*) || ' items: ' || group_concat(order_id, ', ')"
                " FROM item WHERE arrived >= ? AND arrived < ? GROUP BY event HAVING count(*) > 1",
                span,
            ),
            (
                "altered",
                "SELECT event, 'two objects of the archive have other bytes for it' FROM archived"
                " GROUP BY event HAVING min(content) != max(content)",
                (),
            ),
            (
                "altered",
                "SELECT DISTINCT event, 'the archive has other bytes than the stream' FROM archived"
                " JOIN streamed USING (event) WHERE archived.content != streamed.content",
                (),
            ),
            ("damaged", "SELECT key, what FROM damaged", ()),
        )
        for kind, query, parameters in queries:
            for about, detail in self._file.execute(query, parameters):
                yield Discrepancy(kind, about, detail)

    def _count(self, query: str) -> int:
        return int(self._file.execute(query).fetchone()[0])


def _content(event_id: str, data: bytes) -> tuple[str | None, bytes | None, bytes]:
    """The order_id and fingerprint (None where it is no order), and a hash of the exact bytes."""
    what = decode(data)
    content = hashlib.blake2b(data, digest_size=8).digest()
    if what.order is None:
        return None, None, content
    return order_id_of(what.order, event_id), _binary(what.fingerprint), content


def _binary(fingerprint: str) -> Any:
    try:
        return bytes.fromhex(fingerprint)
    except ValueError:
        return fingerprint.encode()
