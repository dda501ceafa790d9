"""One batch: decode, archive, insert, quarantine, and say what is not done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from orderstream.domain.checks import Reason
from orderstream.domain.decode import Decoded
from orderstream.domain.identity import order_id_of
from orderstream.domain.order import Order, attributes
from orderstream.domain.values import TEST_CURRENCY, exact_sum, utc_text
from orderstream.errors import CloudError
from orderstream.pipeline.archive import Archived
from orderstream.pipeline.quarantine import Bad
from orderstream.pipeline.records import Record
from orderstream.pipeline.table import Outcome, Result
from orderstream.pipeline.unpack import decode_unpacked

_NOTHING = Decimal(0)


class Archive(Protocol):
    """Where every record's bytes go first."""

    def keep(self, records: Sequence[Record], decoded: Sequence[Decoded]) -> dict[str, Archived]: ...


class Table(Protocol):
    """Where orders become items."""

    def insert(self, items: Sequence[dict[str, Any]], seconds_left: Callable[[], float]) -> list[Outcome]: ...


class QuarantineStore(Protocol):
    """Where bad records go."""

    def keep(self, entries: Sequence[Bad], attempt: dict[str, str]) -> None: ...


class Invocation(msgspec.Struct, frozen=True):
    """What Lambda says about this run: its id, the seconds that may still be used, the time (aware)."""

    request_id: str
    seconds_left: Callable[[], float]
    now: Callable[[], datetime]


class Report(msgspec.Struct):
    """What became of a batch: counts of records, and the milliseconds from arrival to stored.

    `undone` has the sequence numbers of the records that must come again, `problems` says why.
    `revenue` has the exact sum of the amounts of what was stored, by currency, without that of tests.
    `objects` are the keys under which the batch was archived (none with one object an order);
    `archived_bytes` were written there.
    """

    received: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    invalid: int = 0
    undone: list[str] = []
    latencies: list[int] = []
    revenue: dict[str, Decimal] = {}
    problems: list[str] = []
    objects: list[str] = []
    archived_bytes: int = 0

    def add(self, other: Report) -> None:
        """Add what became of further records of the batch."""
        self.received += other.received
        self.stored += other.stored
        self.duplicates += other.duplicates
        self.conflicts += other.conflicts
        self.invalid += other.invalid
        self.undone += other.undone
        self.latencies += other.latencies
        for currency, amount in other.revenue.items():
            self.revenue[currency] = exact_sum(self.revenue.get(currency, _NOTHING), amount)
        self.problems += other.problems
        self.objects += other.objects
        self.archived_bytes += other.archived_bytes


class _Candidate(msgspec.Struct, frozen=True):
    record: Record
    what: Decoded
    item: dict[str, Any]


def process(
    records: Sequence[Record],
    *,
    archive: Archive,
    table: Table,
    quarantine: QuarantineStore,
    currency: str,
    invocation: Invocation,
) -> Report:
    """Bring every record to the table or the quarantine, and report the rest.

    Raises CloudError when the archive cannot be written, or the table is not there or not ours to use:
    then nothing counts as done, and Lambda delivers the batch again.
    """
    report = Report(received=len(records))
    if not records:
        return report
    decoded = [decode_unpacked(record.data) for record in records]
    places = archive.keep(records, decoded)
    report.archived_bytes = sum({place.key: place.written for place in places.values()}.values())
    report.objects = sorted({place.key for place in places.values() if place.key.endswith(".gz")})

    bad: list[Bad] = []
    rivals: dict[str, list[_Candidate]] = {}
    for record, what in zip(records, decoded, strict=True):
        if what.order is None:
            bad.append(Bad(record, what.reasons, what.claimed_id, what.json))
            report.invalid += 1
            continue
        order_id = order_id_of(what.order, record.event_id)
        place = places[record.event_id]
        if place.differs:
            bad.append(_conflict(record, what, order_id, {"ArchiveKey": place.key}))
            report.conflicts += 1
            continue
        item = item_of(record, what.order, order_id, place.key, what.fingerprint, currency)
        rivals.setdefault(order_id, []).append(_Candidate(record, what, item))

    while rivals:
        rivals = _insert_first_of_each(rivals, table, bad, report, invocation)

    if bad:
        bad.sort(key=lambda entry: int(entry.record.sequence_number))
        attempt = {"request_id": invocation.request_id, "at": utc_text(invocation.now())}
        try:
            quarantine.keep(bad, attempt)
        except CloudError as error:
            # What is stored stays done; only what should have been quarantined comes again.
            report.undone += [entry.record.sequence_number for entry in bad]
            report.invalid = report.conflicts = 0
            report.problems.append(error.message)
    # The records of an aggregate share its sequence number.
    report.undone = sorted(set(report.undone), key=int)
    return report


def _insert_first_of_each(
    rivals: dict[str, list[_Candidate]],
    table: Table,
    bad: list[Bad],
    report: Report,
    invocation: Invocation,
) -> dict[str, list[_Candidate]]:
    """Insert the first record of each order_id and judge the others by what is then in the table.

    Returns those that must have a turn of their own, because DynamoDB refused the one before them.
    """
    firsts = [candidates[0] for candidates in rivals.values()]
    outcomes = table.insert([first.item for first in firsts], invocation.seconds_left)
    now = invocation.now()
    left: dict[str, list[_Candidate]] = {}
    for first, outcome in zip(firsts, outcomes, strict=True):
        order_id = first.item["OrderID"]
        others = rivals[order_id][1:]
        if outcome.result is Result.UNDONE:
            report.undone += [candidate.record.sequence_number for candidate in (first, *others)]
            if outcome.message not in report.problems:
                report.problems.append(outcome.message)
            continue
        if outcome.result is Result.REFUSED:
            reason = Reason("$", "refused_by_table", outcome.message)
            bad.append(Bad(first.record, (reason,), order_id, first.what.json))
            report.invalid += 1
            if others:
                left[order_id] = others
            continue
        if outcome.result is Result.STORED:
            report.stored += 1
            report.latencies.append(round((now - first.record.arrived_at).total_seconds() * 1000))
            stored = first.item
            currency = stored["Currency"]
            if currency != TEST_CURRENCY:
                before = report.revenue.get(currency, _NOTHING)
                report.revenue[currency] = exact_sum(before, stored["OrderAmount"])
        else:
            stored = outcome.stored
            others = [first, *others]
        for candidate in others:
            if candidate.what.fingerprint == stored.get("Fingerprint"):
                report.duplicates += 1
            else:
                bad.append(_conflict(candidate.record, candidate.what, order_id, stored))
                report.conflicts += 1
    return left


def item_of(
    record: Record, order: Order, order_id: str, key: str, fingerprint: str, currency: str
) -> dict[str, Any]:
    """The order as the attributes of its item; `key` names the object that has its bytes."""
    item = attributes(
        order,
        order_id=order_id,
        # The arrival, never the time of processing: a redelivery gives the same item.
        order_date=order.order_date or record.arrived_at,
        currency=order.currency or currency,
    )
    item["EventID"] = record.event_id
    item["ReceivedAt"] = utc_text(record.arrived_at)
    item["ArchiveKey"] = key
    item["Fingerprint"] = fingerprint
    return item


def _conflict(record: Record, what: Decoded, order_id: str, stored: dict[str, Any]) -> Bad:
    reason = Reason("$.order_id", "conflict", "is taken by an order with other content")
    shown: dict[str, Any] = {
        name: stored[name]
        for name in ("CustomerID", "OrderAmount", "OrderDate", "EventID", "ArchiveKey")
        if name in stored
    }
    return Bad(record, (reason,), order_id, what.json, shown)
