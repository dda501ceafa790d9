"""The reconciliation store: all records, items and quarantined records of a stack, in a file on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from orderstream.domain.equality import reading_in
from orderstream.domain.fields import utc_text
from orderstream.domain.fold import is_placeholder
from orderstream.domain.object_keys import is_batch
from orderstream.files.scratch import ScratchFolder
from orderstream.pipeline.archive_codec import ArchiveLine
from orderstream.pipeline.records import Record
from orderstream.recovery.announced_versions import AnnouncedVersions
from orderstream.recovery.reconciliation_schema import QUERIES, SCHEMA
from orderstream.recovery.record_content import binary, content_of, content_of_line
from orderstream.recovery.stored_events import StoredEvents
from orderstream.storage.bucket import ObjectSummary

# The kinds of discrepancies: what each means, and what fixes it.
DISCREPANCIES = {
    "unarchived": ("on the stream, and nowhere else", "`orders stack verify --repair`"),
    "missing": (
        "in the archive, but in no table and not in quarantine",
        "`orders stack verify --repair`",
    ),
    "event_not_applied": (
        "an event in OrderEvents, of which the item of its order does not have the effect",
        "`orders stack verify --repair`",
    ),
    "event_missing": (
        "an item has the effect of events that are not in OrderEvents",
        "`orders stack verify --repair` without a time range, or restoring the table",
    ),
    "state_differs": (
        "an item has another state than the one that its events lead to",
        "`orders stack verify --repair`",
    ),
    "not_announced": (
        "an order has a version that the change feed did not announce",
        "`orders stack verify --repair`",
    ),
    "announced_not_stored": (
        "the change feed announced a version that the table does not have",
        "restoring the table, or `orders archive replay`",
    ),
    "discarded": ("only in a batch that Lambda discarded", "`orders dead-letters redrive`"),
    "payload_missing": (
        "the bytes of an item or event are not in the object that it names",
        "restoring the object",
    ),
    "payload_mismatch": ("an item or event was made from other bytes than those it names", "comparing both"),
    "tampered": ("the archive has other bytes than the stream, or than itself", "comparing both"),
    "duplicate_item": ("one record became two items or events", "deleting the one that nobody sent"),
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
    """A record that is in no table and not quarantined; `key` of an object that contains it, None if there is
    none.
    """

    event_id: str
    order_id: str | None
    arrived_at: str
    key: str | None
    is_event: bool

    @property
    def what(self) -> str:
        """The order that it is, or belongs to."""
        if self.order_id is None:
            return "a record that is not an order"
        return f"an event of order {self.order_id}" if self.is_event else f"order {self.order_id}"


class ReconciliationStore:
    """Collects the contents of the stream, archive, table and quarantine, and reports discrepancies.

    Entries added again are counted once. Memory use is constant: all data is in a temporary file. `events`
    are those of the table OrderEvents, `announced` the versions of orders that the change feed announced.
    """

    def __init__(self) -> None:
        self._folder = ScratchFolder("books")
        # Used by one thread at a time, but not always the same one.
        self._file = sqlite3.connect(
            Path(self._folder.name) / "books.sqlite", isolation_level=None, check_same_thread=False
        )
        self._file.executescript(SCHEMA)
        self._file.execute("BEGIN")
        self.events = StoredEvents(self._file)
        self.announced = AnnouncedVersions(self._file)

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
            "INSERT OR REPLACE INTO archived VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((line.event_id, number, *content_of_line(line), line.arrived_at, single) for line in lines),
        )

    def add_streamed(self, records: Iterable[Record]) -> None:
        """Add records of the stream, deaggregated."""
        self._file.executemany(
            "INSERT OR REPLACE INTO streamed VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (record.event_id, *content_of(record.event_id, record.data, arrived_at), arrived_at)
                for record in records
                for arrived_at in [utc_text(record.arrived_at)]
            ),
        )

    def add_items(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Add items and placeholders: OrderID, EventID, ArchiveKey, ReceivedAt, Pending, PendingSince and the
        fingerprints, as text. `state` is the whole item as JSON of DynamoDB, if it has a state.
        """
        for item in items:
            if is_placeholder(item):
                self.events.add_placeholder(item["OrderID"], item["PendingSince"])
                continue
            key = item.get("ArchiveKey", "")
            self._file.execute("INSERT OR IGNORE INTO object (key) VALUES (?)", (key,))
            self._file.execute(
                "INSERT OR REPLACE INTO item"
                " VALUES (?, ?, (SELECT id FROM object WHERE key = ?), ?, ?, ?, ?)",
                (
                    item["OrderID"],
                    item.get("EventID", ""),
                    key,
                    binary(item.get("Fingerprint", "")),
                    binary(reading_in(item.get("NormalizedFingerprint", ""))),
                    item.get("ReceivedAt", ""),
                    item.get("state"),
                ),
            )

    def add_original(self, order_id: str, data: bytes) -> None:
        """Add the bytes that an item was created from, if its object was not added."""
        reading = content_of("", data, "").reading
        self._file.execute("INSERT OR REPLACE INTO original VALUES (?, ?)", (order_id, reading))

    def contested(self) -> Iterator[dict[str, str]]:
        """The items with the order id of a record that has no outcome: their original bytes decide it."""
        rows = self._file.execute(
            "SELECT DISTINCT item.order_id, item.event, object.key, hex(item.fingerprint), item.arrived"
            " FROM outcome JOIN item USING (order_id) JOIN object ON object.id = item.object"
            " WHERE outcome = 'open' AND position IS NULL ORDER BY object.key"
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

    def order_ids(self, *, only_of_events: bool = False) -> list[str]:
        """The ids of the orders in the records of the stream, and of those that events in it belong to."""
        rows = self._file.execute(
            "SELECT DISTINCT order_id FROM streamed"
            " WHERE order_id IS NOT NULL AND (NOT ? OR position IS NOT NULL)",
            (only_of_events,),
        )
        return [order_id for (order_id,) in rows]

    def outcomes(self) -> dict[str, int]:
        """The number of records that are stored, event (a stored one), duplicate, conflict, invalid,
        discarded, erased or open, once.
        """
        return dict(self._file.execute("SELECT outcome, count(*) FROM outcome GROUP BY outcome").fetchall())

    def unaccounted(self) -> Iterator[UnaccountedRecord]:
        """The records that are only in the archive or the stream, grouped by object."""
        rows = self._file.execute(
            "SELECT event, order_id, arrived, key, position IS NOT NULL"
            " FROM outcome LEFT JOIN object ON id = object WHERE outcome = 'open' ORDER BY object"
        )
        return (UnaccountedRecord(*row) for row in rows)

    def discarded(self) -> Iterator[tuple[str, str]]:
        """The events that are only in an on-failure object, each with that object's key."""
        return self._file.execute(
            "SELECT event, key FROM discarded JOIN outcome USING (event) WHERE outcome = 'discarded'"
        )

    def unread_objects(self, since: str, until: str) -> list[tuple[str, str]]:
        """Unread objects named by items and events received from `since` to `until` (exclusive): key and
        earliest arrival.
        """
        return self._file.execute(
            "SELECT key, min(arrived) FROM (SELECT object, arrived FROM item"
            " UNION ALL SELECT object, arrived FROM order_event) JOIN object ON id = object"
            " WHERE etag IS NULL AND key != '' AND arrived >= ? AND arrived < ? GROUP BY key",
            (since, until),
        ).fetchall()

    def discrepancies(self, since: str, until: str) -> Iterator[Discrepancy]:
        """Discrepancies of items and events received from `since` to `until` (exclusive), and of the
        archive.
        """
        for kind, query in QUERIES:
            for about, detail in self._file.execute(query, {"since": since, "until": until}):
                yield Discrepancy(kind, about, detail)

    def _count(self, query: str) -> int:
        return int(self._file.execute(query).fetchone()[0])
