"""Process one batch: decode, archive, insert, quarantine, and report what failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from orderstream.domain.decode import Decoded, decode
from orderstream.domain.equality import content_fingerprints, is_item
from orderstream.domain.fields import utc_text
from orderstream.domain.ids import order_id_of
from orderstream.domain.object_keys import is_batch
from orderstream.domain.order_event import MAX_EVENTS
from orderstream.domain.validation import Violation
from orderstream.errors import CloudError
from orderstream.pipeline.archive import Archived
from orderstream.pipeline.batch_result import BatchResult
from orderstream.pipeline.deaggregate import decode_record
from orderstream.pipeline.items import event_row, order_item
from orderstream.pipeline.lifecycle import EventOutcome, EventResult, Settled
from orderstream.pipeline.quarantine import RejectedRecord
from orderstream.pipeline.records import Record
from orderstream.pipeline.table import InsertOutcome, InsertResult

_REFUSALS = {
    EventResult.REFUSED: ("refused_by_table", ""),
    EventResult.TOO_MANY: ("too_many_events", f"is of an order that has {MAX_EVENTS} events"),
}
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


class EventStore(Protocol):
    """Stores events, and applies them to their orders."""

    def apply(
        self, rows: Sequence[dict[str, Any]], seconds_left: Callable[[], float]
    ) -> tuple[list[EventOutcome], int]: ...

    def settle(self, order_ids: Sequence[str], seconds_left: Callable[[], float]) -> Settled: ...


class QuarantineStore(Protocol):
    """Stores rejected records."""

    def write(self, entries: Sequence[RejectedRecord], attempt: dict[str, str]) -> None: ...


class Invocation(msgspec.Struct, frozen=True):
    """The context of an invocation: its id, the seconds that may still be used, the time (aware)."""

    request_id: str
    seconds_left: Callable[[], float]
    now: Callable[[], datetime]


class _Candidate(msgspec.Struct, frozen=True):
    record: Record
    what: Decoded
    item: dict[str, Any]


class _Event(msgspec.Struct, frozen=True):
    record: Record
    what: Decoded
    row: dict[str, Any]


class _Contested(msgspec.Struct, frozen=True):
    """A record whose order_id has an item from another version of the model, with other fingerprints."""

    candidate: _Candidate
    stored: dict[str, Any]


def process(
    records: Sequence[Record],
    *,
    archive: ArchiveStore,
    table: OrderStore,
    events: EventStore,
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
    found: list[_Event] = []
    for record, what in zip(records, decoded, strict=True):
        if what.event is not None:
            found.append(_Event(record, what, event_row(record, what.event, places[record.event_id].key)))
            continue
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
        item = order_item(record, what.order, what, order_id, place.key, currency)
        rivals.setdefault(order_id, []).append(_Candidate(record, what, item))

    contested: list[_Contested] = []
    while rivals:
        rivals = _insert_first_of_each(rivals, table, events, bad, contested, report, invocation)
    _settle(contested, archive, bad, report, invocation)
    if found:
        # After the orders: an order and its events often arrive together.
        _apply(found, events, bad, report, invocation)

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
    events: EventStore,
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
    early = [
        first.item["OrderID"] for first, outcome in zip(firsts, outcomes, strict=True) if outcome.has_events
    ]
    settled = events.settle(early, invocation.seconds_left) if early else Settled()
    report.forbidden += settled.forbidden
    now = invocation.now()
    left: dict[str, list[_Candidate]] = {}
    for first, outcome in zip(firsts, outcomes, strict=True):
        order_id = first.item["OrderID"]
        others = rivals[order_id][1:]
        problem = settled.failed.get(order_id)
        if outcome.result is InsertResult.RETRY or problem is not None:
            for candidate in (first, *others):
                report.fail(candidate.record.sequence_number, problem or outcome.message)
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
            report.add_revenue(stored["Currency"], stored["OrderAmount"])
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


def _apply(
    found: Sequence[_Event],
    events: EventStore,
    bad: list[RejectedRecord],
    report: BatchResult,
    invocation: Invocation,
) -> None:
    """Store the events and apply them to their orders."""
    outcomes, forbidden = events.apply([one.row for one in found], invocation.seconds_left)
    report.forbidden += forbidden
    for one, outcome in zip(found, outcomes, strict=True):
        if outcome.result is EventResult.RETRY:
            report.fail(one.record.sequence_number, outcome.message)
        elif outcome.result is EventResult.DUPLICATE:
            report.duplicates += 1
        elif outcome.result in _REFUSALS:
            code, message = _REFUSALS[outcome.result]
            reason = Violation("$", code, outcome.message or message)
            bad.append(RejectedRecord(one.record, (reason,), one.row["OrderID"], one.what.json))
            report.invalid += 1
        else:
            report.events += 1
            report.waiting += outcome.result is EventResult.WAITING


def _conflict(record: Record, what: Decoded, order_id: str, stored: dict[str, Any]) -> RejectedRecord:
    reason = Violation("$.order_id", "conflict", "is taken by an order with other content")
    shown: dict[str, Any] = {
        name: stored[name]
        for name in ("CustomerID", "OrderAmount", "OrderDate", "EventID", "ArchiveKey")
        if name in stored
    }
    return RejectedRecord(record, (reason,), order_id, what.json, shown)
