"""The reconciliation store: all records, items and quarantined records of a stack, in a file on disk."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from orderstream.domain.decode import decode
from orderstream.domain.equality import earlier_fingerprints, reading_in
from orderstream.domain.fields import utc_text
from orderstream.domain.ids import order_id_of
from orderstream.domain.object_keys import is_batch
from orderstream.files.scratch import ScratchFolder
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes
from orderstream.pipeline.records import Record
from orderstream.recovery.reconciliation_schema import ITEMS, OF_EVENT, SAME, SCHEMA, SINGLE
from orderstream.storage.bucket import ObjectSummary

# The kinds of discrepancies: what each means, and what fixes it.
DISCREPANCIES = {
    "unarchived": ("on the stream, and nowhere else", "`orders stack verify --repair`"),
    "missing": ("in the archive, but no item and not in quarantine", "`orders stack verify --repair`"),
    "discarded": ("only in a batch that Lambda discarded", "`orders dead-letters redrive`"),
    "payload_missing": ("an item's bytes are not in the object that it names", "restoring the object"),
    "payload_mismatch": ("an item was made from other bytes than those it names", "comparing both"),
    "tampered": ("the archive has other bytes than the stream, or than itself", "comparing both"),
    "duplicate_item": ("one record became two items", "deleting the one that nobody sent"),
    "corrupt": ("an object cannot be read to its end", "restoring the object"),
}


@dataclass(frozen=True)
class Discrepancy:
    """An inconsistency: its `kind`, the `id` of the record, order or object, and `detail`."""

    kind: str
    id: str
    detail: str


@dataclass(frozen=True)
class UnaccountedRecord:
    """A record that is neither an item nor quarantined; `key` of an object that contains it, None if there is
    none.
    """

    event_id: str
    order_id: str | None
    arrived_at: str
    key: str | None


class ReconciliationStore:
    """Collects the contents of the stream, archive, table and quarantine, and reports discrepancies.

    Entries added again are counted once. Memory use is constant: all data is in a temporary file.
    """

    def __init__(self) -> None:
        self._folder = ScratchFolder("books")
        # Used by one thread at a time, but not always the same one.
        self._file = sqlite3.connect(
            Path(self._folder.name) / "books.sqlite", isolation_level=None, check_same_thread=False
        )
        self._file.executescript(SCHEMA)
        self._file.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._folder.cleanup()

    def is_known(self, entry: ObjectSummary) -> bool:
        """Whether this version of an object was added."""
        row = self._file.execute("SELECT etag FROM object WHERE key = ?", (entry.key,)).fetchone()
        return row is not None and row[0] == entry.etag

    def add_object(self, key: str, etag: str) -> None:
        """Record that an object's lines were added."""
        self._file.execute(
            "INSERT INTO object (key, etag) VALUES (?, ?) ON CONFLICT DO UPDATE SET etag = excluded.etag",
            (key, etag),
        )

    def add_archived(self, key: str, lines: Iterable[ArchiveLine]) -> None:
        """Add lines of an archive object."""
        self._file.execute("INSERT OR IGNORE INTO object (key) VALUES (?)", (key,))
        (number,) = self._file.execute("SELECT id FROM object WHERE key = ?", (key,)).fetchone()
        single = not is_batch(key)
        self._file.executemany(
            "INSERT OR REPLACE INTO archived VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((line.event_id, number, *_said_in(line), line.arrived_at, single) for line in lines),
        )

    def add_streamed(self, records: Iterable[Record]) -> None:
        """Add records of the stream, deaggregated."""
        self._file.executemany(
            "INSERT OR REPLACE INTO streamed VALUES (?, ?, ?, ?, ?, ?)",
            (
                (record.event_id, *_content(record.event_id, record.data), utc_text(record.arrived_at))
                for record in records
            ),
        )

    def add_items(self, items: Iterable[dict[str, str]]) -> None:
        """Add items: OrderID, EventID, ArchiveKey, ReceivedAt and the fingerprints, as text."""
        for item in items:
            key = item.get("ArchiveKey", "")
            self._file.execute("INSERT OR IGNORE INTO object (key) VALUES (?)", (key,))
            self._file.execute(
                "INSERT OR REPLACE INTO item VALUES (?, ?, (SELECT id FROM object WHERE key = ?), ?, ?, ?)",
                (
                    item["OrderID"],
                    item.get("EventID", ""),
                    key,
                    _binary(item.get("Fingerprint", "")),
                    _binary(reading_in(item.get("NormalizedFingerprint", ""))),
                    item.get("ReceivedAt", ""),
                ),
            )

    def add_original(self, order_id: str, data: bytes) -> None:
        """Add the bytes that an item was created from, if its object was not added."""
        reading = _content("", data)[2]
        self._file.execute("INSERT OR REPLACE INTO original VALUES (?, ?)", (order_id, reading))

    def contested(self) -> Iterator[dict[str, str]]:
        """The items with the order id of a record that has no outcome: their original bytes decide it."""
        rows = self._file.execute(
            "SELECT DISTINCT item.order_id, item.event, object.key, hex(item.fingerprint), item.arrived"
            " FROM outcome JOIN item USING (order_id) JOIN object ON object.id = item.object"
            " WHERE outcome = 'open' ORDER BY object.key"
        )
        names = ("OrderID", "EventID", "ArchiveKey", "Fingerprint", "ReceivedAt")
        return (dict(zip(names, (*row[:3], row[3].lower(), row[4]), strict=True)) for row in rows)

    def add_quarantined(self, lines: Iterable[ArchiveLine]) -> None:
        """Add lines of a quarantine object."""
        self._file.executemany(
            "INSERT OR REPLACE INTO quarantined VALUES (?, ?, ?)",
            (
                (line.event_id, [one["code"] for one in line.reasons[:1]] == ["conflict"], line.arrived_at)
                for line in lines
            ),
        )

    def add_discarded(self, key: str, records: Iterable[Record]) -> None:
        """Add the records of an on-failure object, deaggregated."""
        self._file.executemany(
            "INSERT OR REPLACE INTO discarded VALUES (?, ?)", ((record.event_id, key) for record in records)
        )

    def add_erased(self, events: Iterable[str]) -> None:
        """Add events that were deliberately erased."""
        self._file.executemany("INSERT OR IGNORE INTO erased VALUES (?)", ((event,) for event in events))

    def add_corrupt(self, key: str, what: str) -> None:
        """Record an object that cannot be read to its end."""
        self._file.execute("INSERT OR REPLACE INTO damaged VALUES (?, ?)", (key, what))

    @property
    def archived(self) -> int:
        """The number of distinct records in the archive."""
        return self._count("SELECT count(DISTINCT event) FROM archived")

    def counts_read(self) -> tuple[int, int, int]:
        """The number of records of the stream, of objects of archive and quarantine, and of items read."""
        of = ("streamed", "object WHERE etag != ''", "item")
        streamed, objects, items = (self._count(f"SELECT count(*) FROM {one}") for one in of)
        return streamed, objects, items

    def order_ids(self) -> list[str]:
        """The ids of the orders among the records of the stream."""
        rows = self._file.execute("SELECT DISTINCT order_id FROM streamed WHERE order_id IS NOT NULL")
        return [order_id for (order_id,) in rows]

    def outcomes(self) -> dict[str, int]:
        """The number of records that are stored, duplicate, conflict, invalid, discarded, erased or open,
        once.
        """
        return dict(self._file.execute("SELECT outcome, count(*) FROM outcome GROUP BY outcome").fetchall())

    def unaccounted(self) -> Iterator[UnaccountedRecord]:
        """The records that are only in the archive or the stream, grouped by object."""
        rows = self._file.execute(
            "SELECT event, order_id, arrived, key FROM outcome LEFT JOIN object ON id = object"
            " WHERE outcome = 'open' ORDER BY object"
        )
        return (UnaccountedRecord(*row) for row in rows)

    def discarded(self) -> Iterator[tuple[str, str]]:
        """The events that are only in an on-failure object, each with that object's key."""
        return self._file.execute(
            "SELECT event, key FROM discarded JOIN outcome USING (event) WHERE outcome = 'discarded'"
        )

    def unread_objects(self, since: str, until: str) -> list[tuple[str, str]]:
        """Unread objects named by items received from `since` to `until` (exclusive): key and earliest
        arrival.
        """
        return self._file.execute(
            "SELECT key, min(arrived) FROM item JOIN object ON id = object"
            " WHERE etag IS NULL AND key != '' AND arrived >= ? AND arrived < ? GROUP BY key",
            (since, until),
        ).fetchall()

    def discrepancies(self, since: str, until: str) -> Iterator[Discrepancy]:
        """Discrepancies of items received from `since` to `until` (exclusive), and of the archive."""
        span = (since, until)
        queries = (
            (
                "payload_missing",
                "SELECT item.order_id, 'the item names event ' || item.event || ' in ' || key ||"
                f" ', which is not there' {ITEMS} AND NOT EXISTS ({OF_EVENT}) AND NOT EXISTS ({SINGLE})",
                span,
            ),
            (
                "payload_mismatch",
                "SELECT item.order_id, 'the bytes in ' || key || ' are not those that the item was made of'"
                f" {ITEMS} AND (EXISTS ({OF_EVENT}) OR EXISTS ({SINGLE}))"
                f" AND NOT EXISTS ({OF_EVENT} {SAME}) AND NOT EXISTS ({SINGLE} {SAME})",
                span,
            ),
            (
                "duplicate_item",
                "SELECT event, 'is the event of ' || count(*) || ' items: ' || group_concat(order_id, ', ')"
                " FROM item WHERE arrived >= ? AND arrived < ? GROUP BY event HAVING count(*) > 1",
                span,
            ),
            (
                "tampered",
                "SELECT event, 'two objects of the archive have other bytes for it' FROM archived"
                " GROUP BY event HAVING min(content) != max(content)",
                (),
            ),
            (
                "tampered",
                "SELECT DISTINCT event, 'the archive has other bytes than the stream' FROM archived"
                " JOIN streamed USING (event) WHERE archived.content != streamed.content",
                (),
            ),
            ("corrupt", "SELECT key, what FROM damaged", ()),
        )
        for kind, query, parameters in queries:
            for about, detail in self._file.execute(query, parameters):
                yield Discrepancy(kind, about, detail)

    def _count(self, query: str) -> int:
        return int(self._file.execute(query).fetchone()[0])


# A record's order_id (None if it is not a valid order), all fingerprints, the fingerprint of its reading, and
# a hash of the bytes.
_Content = tuple[str | None, bytes | None, bytes | None, bytes]


def _said_in(line: ArchiveLine) -> _Content:
    order_id, fingerprints, reading, content = _content(line.event_id, original_bytes(line))
    # A record that was a valid order on arrival stays one, even if the model's rules have changed.
    return order_id or line.order_id, fingerprints, reading, content


def _content(event_id: str, data: bytes) -> _Content:
    what = decode(data)
    content = hashlib.blake2b(data, digest_size=8).digest()
    order_id = order_id_of(what.order, event_id) if what.order else None
    reading = reading_in(what.normalized) or what.fingerprint
    known = dict.fromkeys((what.fingerprint, reading, *earlier_fingerprints(what)))
    return order_id, b"".join(map(bytes.fromhex, known)) or None, _binary(reading), content


def _binary(fingerprint: str) -> bytes | None:
    """The fingerprint as stored in the file; None if it is not one."""
    try:
        return bytes.fromhex(fingerprint) or None
    except ValueError:
        return None
