"""Process one batch: decode, archive, insert, quarantine, and report what failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from orderstream.domain.currencies import TEST_CURRENCY
from orderstream.domain.decode import Decoded, decode
from orderstream.domain.equality import content_fingerprints, is_item
from orderstream.domain.fields import exact_sum, utc_text
from orderstream.domain.ids import order_id_of
from orderstream.domain.item import attributes
from orderstream.domain.object_keys import is_batch
from orderstream.domain.order import Order
from orderstream.domain.validation import Violation
from orderstream.errors import CloudError
from orderstream.pipeline.archive import Archived
from orderstream.pipeline.deaggregate import decode_record
from orderstream.pipeline.quarantine import RejectedRecord
from orderstream.pipeline.records import Record
from orderstream.pipeline.table import InsertOutcome, InsertResult

_NOTHING = Decimal(0)
# The maximum number of orders read back from the archive at a time.
_ORIGINALS_AT_ONCE = 64


class ArchiveStore(Protocol):
    """Archives every record's bytes."""

    def write(self, records: Sequence[Record], decoded: Sequence[Decoded]) -> dict[str, Archived]: ...

    def originals(self, items: Sequence[dict[str, Any]]) -> dict[str, bytes]:
        """The bytes from which items of the table were created, by OrderID; unreadable ones are left out."""


class OrderStore(Protocol):
    """Stores orders as items."""

    def insert(
        self, items: Sequence[dict[str, Any]], seconds_left: Callable[[], float]
    ) -> list[InsertOutcome]: ...


class QuarantineStore(Protocol):
    """Stores rejected records."""

    def write(self, entries: Sequence[RejectedRecord], attempt: dict[str, str]) -> None: ...


class Invocation(msgspec.Struct, frozen=True):
    """The context of an invocation: its id, the seconds that may still be used, the time (aware)."""

    request_id: str
    seconds_left: Callable[[], float]
    now: Callable[[], datetime]


class BatchResult(msgspec.Struct):
    """The outcome of a batch: counts of records, and the milliseconds from arrival to stored.

    Each record has one outcome: `received` is the sum of `stored`, `duplicates`, `conflicts`, `invalid` and
    `failed_records`. `failed` has the sequence numbers to be redelivered (the records of an aggregate share
    one), and `problems` the reasons. `revenue` is the exact sum of the stored amounts by currency, without
    the test currency. `objects` are the keys under which the batch was archived (none with one object per
    order); `archived_bytes` is the number of bytes written to the archive.
    """

    received: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    invalid: int = 0
    failed_records: int = 0
    failed: list[str] = []
    latencies: list[int] = []
    revenue: dict[str, Decimal] = {}
    problems: list[str] = []
    objects: list[str] = []
    archived_bytes: int = 0

    def add(self, other: BatchResult) -> None:
        """Add the outcome of further records of the batch."""
        self.received += other.received
        self.stored += other.stored
        self.duplicates += other.duplicates
        self.conflicts += other.conflicts
        self.invalid += other.invalid
        self.failed_records += other.failed_records
        self.failed += other.failed
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


class _Contested(msgspec.Struct, frozen=True):
    """A record whose order_id has an item from another version of the model, with other fingerprints."""

    candidate: _Candidate
    stored: dict[str, Any]


def process(
    records: Sequence[Record],
    *,
    archive: ArchiveStore,
    table: OrderStore,
    quarantine: QuarantineStore,
    currency: str,
    invocation: Invocation,
) -> BatchResult:
    """Store or quarantine every record, and report those that failed.

    Raises CloudError if the archive cannot be written, or the table does not exist or access is denied. Then
    nothing counts as done, and Lambda redelivers the batch.
    """
    report = BatchResult(received=len(records))
    if not records:
        return report
    decoded = [decode_record(record.data) for record in records]
    places = archive.write(records, decoded)
    report.archived_bytes = sum({place.key: place.written for place in places.values()}.values())
    report.objects = sorted({place.key for place in places.values() if is_batch(place.key)})

    bad: list[RejectedRecord] = []
    rivals: dict[str, list[_Candidate]] = {}
    for record, what in zip(records, decoded, strict=True):
        if what.order is None:
            bad.append(RejectedRecord(record, what.reasons, what.raw_order_id, what.json))
            report.invalid += 1
            continue
        order_id = order_id_of(what.order, record.event_id)
        place = places[record.event_id]
        if place.differs:
            bad.append(_conflict(record, what, order_id, {"ArchiveKey": place.key}))
            report.conflicts += 1
            continue
        item = item_of(record, what.order, what, order_id, place.key, currency)
        rivals.setdefault(order_id, []).append(_Candidate(record, what, item))

    contested: list[_Contested] = []
    while rivals:
        rivals = _insert_first_of_each(rivals, table, bad, contested, report, invocation)
    _settle(contested, archive, bad, report, invocation)

    if bad:
        bad.sort(key=lambda entry: int(entry.record.sequence_number))
        attempt = {"request_id": invocation.request_id, "at": utc_text(invocation.now())}
        try:
            quarantine.write(bad, attempt)
        except CloudError as error:
            # Stored orders stay done; only the records to be quarantined are redelivered.
            report.failed += [entry.record.sequence_number for entry in bad]
            report.failed_records += len(bad)
            report.invalid = report.conflicts = 0
            report.problems.append(error.message)
    # The records of an aggregate share its sequence number.
    report.failed = sorted(set(report.failed), key=int)
    return report


def _insert_first_of_each(
    rivals: dict[str, list[_Candidate]],
    table: OrderStore,
    bad: list[RejectedRecord],
    contested: list[_Contested],
    report: BatchResult,
    invocation: Invocation,
) -> dict[str, list[_Candidate]]:
    """Insert the first record of each order_id, and compare the others with the item then in the table.

    Records that fingerprints cannot decide are added to `contested`. Return the records that need another
    round, because DynamoDB refused the one before them.
    """
    firsts = [candidates[0] for candidates in rivals.values()]
    outcomes = table.insert([first.item for first in firsts], invocation.seconds_left)
    now = invocation.now()
    left: dict[str, list[_Candidate]] = {}
    for first, outcome in zip(firsts, outcomes, strict=True):
        order_id = first.item["OrderID"]
        others = rivals[order_id][1:]
        if outcome.result is InsertResult.RETRY:
            report.failed += [candidate.record.sequence_number for candidate in (first, *others)]
            report.failed_records += 1 + len(others)
            if outcome.message not in report.problems:
                report.problems.append(outcome.message)
            continue
        if outcome.result is InsertResult.REFUSED:
            reason = Violation("$", "refused_by_table", outcome.message)
            bad.append(RejectedRecord(first.record, (reason,), order_id, first.what.json))
            report.invalid += 1
            if others:
                left[order_id] = others
            continue
        if outcome.result is InsertResult.STORED:
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
            is_same = is_item(candidate.what, stored)
            if is_same:
                report.duplicates += 1
            elif is_same is False:
                bad.append(_conflict(candidate.record, candidate.what, order_id, stored))
                report.conflicts += 1
            else:
                contested.append(_Contested(candidate, stored))
    return left


def _settle(
    contested: list[_Contested],
    archive: ArchiveStore,
    bad: list[RejectedRecord],
    report: BatchResult,
    invocation: Invocation,
) -> None:
    """Compare the archived bytes where fingerprints cannot decide: the same order is a duplicate.

    If the item's bytes can no longer be read, the record is quarantined as a conflict, which shows both.
    """
    of_item: dict[str, list[_Contested]] = {}
    for one in sorted(contested, key=lambda one: int(one.candidate.record.sequence_number)):
        of_item.setdefault(one.candidate.item["OrderID"], []).append(one)
    while of_item:
        here = [one for order_id in list(of_item)[:_ORIGINALS_AT_ONCE] for one in of_item.pop(order_id)]
        items = {one.stored["OrderID"]: one.stored for one in here}
        try:
            if invocation.seconds_left() <= 0:
                raise CloudError("out of time")
            originals = archive.originals(list(items.values()))
        except CloudError as error:
            left = [*here, *(one for rest in of_item.values() for one in rest)]
            report.failed += [one.candidate.record.sequence_number for one in left]
            report.failed_records += len(left)
            report.problems.append(error.message)
            return
        said = {order_id: content_fingerprints(decode(data)) for order_id, data in originals.items()}
        for one in here:
            candidate, order_id = one.candidate, one.candidate.item["OrderID"]
            if not content_fingerprints(candidate.what).isdisjoint(said.get(order_id, ())):
                report.duplicates += 1
            else:
                bad.append(_conflict(candidate.record, candidate.what, order_id, one.stored))
                report.conflicts += 1


def item_of(
    record: Record, order: Order, what: Decoded, order_id: str, key: str, currency: str
) -> dict[str, Any]:
    """The attributes of an order's item; `key` is that of the object that contains its bytes."""
    item = attributes(
        order,
        order_id=order_id,
        # The time of arrival, not of processing, so that a redelivery gives the same item.
        order_date=order.order_date or record.arrived_at,
        currency=order.currency or currency,
        computed=what.computed,
    )
    if what.schema > 1:
        item["SchemaVersion"] = what.schema
    item["EventID"] = record.event_id
    item["ReceivedAt"] = utc_text(record.arrived_at)
    item["ArchiveKey"] = key
    item["Fingerprint"] = what.fingerprint
    item["NormalizedFingerprint"] = what.normalized
    return item


def _conflict(record: Record, what: Decoded, order_id: str, stored: dict[str, Any]) -> RejectedRecord:
    reason = Violation("$.order_id", "conflict", "is taken by an order with other content")
    shown: dict[str, Any] = {
        name: stored[name]
        for name in ("CustomerID", "OrderAmount", "OrderDate", "EventID", "ArchiveKey")
        if name in stored
    }
    return RejectedRecord(record, (reason,), order_id, what.json, shown)
