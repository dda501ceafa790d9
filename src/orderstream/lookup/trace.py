"""Trace an order from its arrival to its current state, with everything that happened in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

import msgspec

from orderstream.aws.deployment import Deployment
from orderstream.domain.decode import Decoded, decode
from orderstream.domain.equality import is_item, same_content
from orderstream.domain.fields import timestamp, utc_text
from orderstream.domain.ids import order_id_of
from orderstream.domain.object_keys import ARCHIVE, QUARANTINE, key_of_marked, marker_key, order_key
from orderstream.errors import DamagedError, NotFoundError
from orderstream.lookup.invocation_log import LoggedInvocation, RecordPosition, invocations_of
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes
from orderstream.pipeline.deaggregate import deaggregate
from orderstream.pipeline.records import Record
from orderstream.progress import Progress, no_progress
from orderstream.recovery.dead_letters import (
    FailedBatch,
    event_records,
    failed_objects,
    records_in,
    redrive_markers,
)
from orderstream.recovery.quarantine import reasons_text
from orderstream.recovery.resubmissions import ResubmissionNote, resubmissions_of_order
from orderstream.storage import bucket, reader, stream
from orderstream.storage.bucket import ALL_TIME, ObjectSummary, TimeRange
from orderstream.storage.orders import Item, get_order
from orderstream.storage.tombstones import erased_in_hour


class TraceEvent(msgspec.Struct, frozen=True):
    """Something that happened: `at` (UTC text; None if unknown), `what`, to which event, where.

    What: dated (by the producer), arrived, archived, delivered, failed (delivered, and reported as failed),
    stored, duplicate, quarantined, resubmitted, discarded (by Lambda), redriven, erased (by `orders archive
    forget`) or open (none of these yet).
    """

    at: str | None
    what: str
    event_id: str | None = None
    where: str = ""
    detail: str = ""


@dataclass(frozen=True)
class OrderTrace:
    """What is known about an order; `item` is None if it is not in the table."""

    order_id: str
    item: Item | None
    steps: tuple[TraceEvent, ...]


@dataclass
class _Event:
    """One record of the order, with the locations where it was found: (key, line number)."""

    id: str
    arrived_at: str
    partition_key: str | None
    what: Decoded | None = None
    dated: datetime | None = None
    archived: dict[tuple[str, int], datetime] = field(default_factory=dict)
    quarantined: tuple[str, int, ArchiveLine] | None = None
    discarded: list[FailedBatch] = field(default_factory=list)


def trace(
    deployment: Deployment,
    order_id: str,
    span: TimeRange = ALL_TIME,
    *,
    progress: Progress = no_progress,
) -> OrderTrace:
    """The trace of an order, from its records that arrived in `span`.

    Searches the quarantine, and the archive from the first known arrival. Raises NotFoundError if nothing is
    known about the order, not even in the stream.
    """
    item = _item(deployment, order_id)
    events: dict[str, _Event] = {}
    _search_quarantine(deployment, order_id, span, events, progress)
    notes = resubmissions_of_order(deployment, order_id, span)
    known = [event.arrived_at for event in events.values()] + ([item["ReceivedAt"]] if item else [])
    since = max(filter(None, (span.since, timestamp(min(known)) if known else None)), default=None)
    _search_archive(deployment, order_id, TimeRange(since, span.until), events, progress)
    _search_failures(deployment, order_id, TimeRange(since, span.until), events)
    if not events or any(key.endswith(".json") for one in events.values() for key, _ in one.archived):
        # Nothing is archived yet or, with one object per order, repeats never are.
        _search_stream(deployment, order_id, TimeRange(since, span.until), events, progress)
    if not events and item is None:
        raise NotFoundError(
            f"nothing is known of order {order_id}",
            hint="an order sent without an id is called by its event, shardId-…:number",
        )
    marks = {key_of_marked(entry.key): entry.modified for entry in redrive_markers(deployment)}
    delivered = invocations_of(deployment, map(_place, events.values()))
    steps = [
        step
        for event in events.values()
        for step in _steps(
            event, item, events, delivered[_place(event)], marks, is_erased=_is_erased(deployment, event)
        )
    ]
    steps += [_resubmitted(note) for note in notes]
    return OrderTrace(order_id, item, tuple(sorted(steps, key=lambda step: step.at or "~")))


def _item(deployment: Deployment, order_id: str) -> Item | None:
    try:
        return get_order(deployment, order_id)
    except NotFoundError:
        return None


def _search_quarantine(
    deployment: Deployment,
    order_id: str,
    span: TimeRange,
    events: dict[str, _Event],
    progress: Progress,
) -> None:
    entries = bucket.list_by_hour(deployment, QUARANTINE, span)
    for one in reader.search(
        deployment,
        entries,
        order_id,
        what="objects of the quarantine read",
        progress=progress,
    ):
        line = one.line
        if order_id in (line.order_id, line.event_id) and span.contains(line.arrived_at):
            event = _add(events, line)
            event.quarantined = event.quarantined or (one.key, one.number, line)


def _search_archive(
    deployment: Deployment,
    order_id: str,
    span: TimeRange,
    events: dict[str, _Event],
    progress: Progress,
) -> None:
    name = order_key(order_id)
    single = (entry for entry in bucket.list_prefix(deployment, name) if entry.key == name)
    hours = (bucket.list_by_hour(deployment, prefix, span) for prefix in ARCHIVE)
    for one in reader.search(
        deployment,
        chain(single, *hours),
        order_id,
        what="objects of the archive read",
        progress=progress,
    ):
        line = one.line
        if (order_id == line.order_id or line.event_id in events | {order_id: None}) and span.contains(
            line.arrived_at
        ):
            # Lines are in two places while they are being compacted.
            _add(events, line).archived.setdefault((one.key, one.number), one.written)


def _search_failures(
    deployment: Deployment, order_id: str, span: TimeRange, events: dict[str, _Event]
) -> None:
    def is_late(entry: ObjectSummary) -> bool:
        return span.since is None or entry.modified >= span.since

    for failure in failed_objects(deployment, is_late):
        try:
            records = records_in(failure, event_records(failure))
        except DamagedError:
            # `dead-letters redrive` and `stack verify` report it; continue the trace without it.
            continue
        for record in records:
            if record.event_id in events or _is_of(record, order_id):
                _noted_record(events, record).discarded.append(failure)


def _search_stream(
    deployment: Deployment,
    order_id: str,
    span: TimeRange,
    events: dict[str, _Event],
    progress: Progress,
) -> None:
    for read, record in enumerate(stream.records(deployment, span)):
        progress("records of the stream read", read)
        for inner in deaggregate(record):
            if _is_of(inner, order_id):
                _noted_record(events, inner)


def _is_of(record: Record, order_id: str) -> bool:
    order = decode(record.data).order
    return order_id in (record.event_id, order_id_of(order, record.event_id) if order else None)


def _add(events: dict[str, _Event], line: ArchiveLine) -> _Event:
    event = events.setdefault(line.event_id, _Event(line.event_id, line.arrived_at, line.partition_key))
    event.what = decode(original_bytes(line))
    event.dated = event.what.order.order_date if event.what.order else None
    return event


def _noted_record(events: dict[str, _Event], record: Record) -> _Event:
    arrived_at = utc_text(record.arrived_at)
    event = events.setdefault(record.event_id, _Event(record.event_id, arrived_at, record.partition_key))
    event.what = event.what or decode(record.data)
    return event


def _place(event: _Event) -> RecordPosition:
    shard_id, number = event.id.split(":")[:2]
    objects = frozenset(key for key, _ in event.archived)
    return RecordPosition(shard_id, number, timestamp(event.arrived_at), objects)


def _steps(
    event: _Event,
    item: Item | None,
    events: dict[str, _Event],
    delivered: list[LoggedInvocation],
    marks: dict[str, datetime],
    *,
    is_erased: bool,
) -> Iterator[TraceEvent]:
    if event.dated:
        yield TraceEvent(utc_text(event.dated), "dated", event.id)
    shard_id = event.id.partition(":")[0]
    key = f"partition key {event.partition_key}" if event.partition_key else "no partition key"
    yield TraceEvent(event.arrived_at, "arrived", event.id, shard_id, key)
    for (key, line), modified in event.archived.items():
        # S3 keeps whole seconds, so the write may seem to precede the arrival.
        yield TraceEvent(max(utc_text(modified), event.arrived_at), "archived", event.id, key, f"line {line}")
    for delivery in delivered:
        what = "delivered" if delivery.done else "failed"
        yield TraceEvent(utc_text(delivery.at), what, event.id, "", f"request {delivery.request_id}")
    for failure in event.discarded:
        yield TraceEvent(utc_text(failure.at), "discarded", event.id, failure.place, failure.condition)
        if failure.key in marks:
            yield TraceEvent(utc_text(marks[failure.key]), "redriven", event.id, marker_key(failure.key))
    yield _outcome(event, item, events, delivered, is_erased=is_erased)


def _is_erased(deployment: Deployment, event: _Event) -> bool:
    """Whether it was deliberately erased: then only the stream has it, as long as it is retained."""
    return not event.archived and event.id in erased_in_hour(deployment, timestamp(event.arrived_at))


def _outcome(
    event: _Event,
    item: Item | None,
    events: dict[str, _Event],
    delivered: list[LoggedInvocation],
    *,
    is_erased: bool,
) -> TraceEvent:
    done = next((utc_text(delivery.at) for delivery in delivered if delivery.done), None)
    if item and item["EventID"] == event.id:
        return TraceEvent(done, "stored", event.id, "", f"order {item['OrderID']}")
    if item and event.what and _is_same(event.what, item, events.get(item["EventID"])):
        return TraceEvent(done, "duplicate", event.id, "", f"of event {item['EventID']}")
    if event.quarantined:
        key, number, line = event.quarantined
        return TraceEvent(
            line.attempt.get("at"), "quarantined", event.id, f"{key} line {number}", reasons_text(line)
        )
    if is_erased:
        return TraceEvent(None, "erased", event.id)
    return TraceEvent(None, "open", event.id)


def _is_same(what: Decoded, item: Item, stored: _Event | None) -> bool:
    """Whether it is the stored order, in any spelling."""
    is_same = is_item(what, item)
    if is_same is not None:
        return is_same
    return bool(stored and stored.what and same_content(what, stored.what))


def _resubmitted(note: ResubmissionNote) -> TraceEvent:
    return TraceEvent(note.at, "resubmitted", note.event_id, "", f"as event {note.new_event_id}")
