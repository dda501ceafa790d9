"""Trace an order from its arrival to its current state, with everything that happened in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from orderstream.aws.deployment import Deployment
from orderstream.domain.decode import Decoded
from orderstream.domain.equality import is_item, same_content
from orderstream.domain.fields import timestamp, utc_text
from orderstream.domain.fold import is_placeholder, with_state
from orderstream.domain.object_keys import key_of_marked, marker_key
from orderstream.domain.order_event import position
from orderstream.errors import NotFoundError
from orderstream.lookup.event_effects import EventEffect, effects_of
from orderstream.lookup.invocation_log import LoggedInvocation, RecordPosition, invocations_of
from orderstream.lookup.record_search import (
    FoundRecord,
    search_archive,
    search_failures,
    search_quarantine,
    search_stream,
)
from orderstream.progress import Progress, no_progress
from orderstream.recovery.dead_letters import redrive_markers
from orderstream.recovery.quarantine import reasons_text
from orderstream.recovery.resubmissions import ResubmissionNote, resubmissions_of_order
from orderstream.storage.bucket import ALL_TIME, TimeRange
from orderstream.storage.order_events import read_events
from orderstream.storage.orders import Item, stored_items
from orderstream.storage.tombstones import erased_in_hour


class TraceEvent(msgspec.Struct, frozen=True):
    """Something that happened: `at` (UTC text; None if unknown), `what`, to which event, where.

    What: dated (by the producer), arrived, archived, delivered, failed (delivered, and reported as failed),
    stored, duplicate, quarantined, resubmitted, discarded (by Lambda), redriven, erased (by `orders archive
    forget`) or open (none of these yet). Of an event of the order: also applied, forbidden, conflict or
    waiting (for the order); stored is then: not applied yet.
    """

    at: str | None
    what: str
    event_id: str | None = None
    where: str = ""
    detail: str = ""


@dataclass(frozen=True)
class OrderTrace:
    """What is known about an order; `item` is None if it is not in the table.

    Unless `is_complete`, repeats of the order were not searched in the whole archive.
    """

    order_id: str
    item: Item | None
    steps: tuple[TraceEvent, ...]
    is_complete: bool = True


def trace(
    deployment: Deployment,
    order_id: str,
    span: TimeRange = ALL_TIME,
    *,
    quick: bool = False,
    progress: Progress = no_progress,
) -> OrderTrace:
    """The trace of an order and its events, from their records that arrived in `span`.

    Searches the quarantine, and the archive from the first known arrival; if `quick`, and the order is in the
    table, only as far as that takes a moment: then the trace may not be complete. Raises NotFoundError if
    nothing is known about the order, not even in the stream.
    """
    there = stored_items(deployment, [order_id]).get(order_id)
    item = None if there is None or is_placeholder(there) else with_state(there)
    rows = read_events(deployment, order_id)
    effects = effects_of(there, rows)
    of_position = {row["Position"]: row["EventID"] for row in rows}
    events: dict[str, FoundRecord] = {}
    search_quarantine(deployment, order_id, span, events, progress)
    notes = resubmissions_of_order(deployment, order_id, span)
    known = [event.arrived_at for event in events.values()]
    known += [one["ReceivedAt"] for one in (*rows, *([item] if item else ()))]
    since = max(filter(None, (span.since, timestamp(min(known)) if known else None)), default=None)
    keys = {one["ArchiveKey"] for one in (item, *rows) if item and one} if quick else set()
    within = TimeRange(since, span.until)
    is_complete = search_archive(deployment, order_id, within, events, progress, keys)
    search_failures(deployment, order_id, within, events)
    if not events or any(key.endswith(".json") for one in events.values() for key, _ in one.archived):
        # Nothing is archived yet or, with one object per order, repeats never are.
        search_stream(deployment, order_id, within, events, progress)
    for row in rows:
        if row["EventID"] not in events and span.contains(row["ReceivedAt"]):
            events[row["EventID"]] = FoundRecord(row["EventID"], row["ReceivedAt"], None)
    if not events and item is None:
        raise NotFoundError(
            f"nothing is known of order {order_id}",
            hint="an order sent without an id is called by its event, shardId-…:number",
        )
    marks = {key_of_marked(entry.key): entry.modified for entry in redrive_markers(deployment)}
    delivered = invocations_of(deployment, map(_place, events.values()))
    steps = [step for event in events.values() for step in _steps(event, delivered[_place(event)], marks)]
    for event in events.values():
        of_event = _event_outcome(event, effects, of_position)
        done = next((utc_text(one.at) for one in delivered[_place(event)] if one.done), None)
        steps.append(
            TraceEvent(done, of_event.what, event.id, "", of_event.detail)
            if of_event
            else _outcome(event, item, events, done, is_erased=_is_erased(deployment, event))
        )
    steps += [_resubmitted(note) for note in notes]
    return OrderTrace(order_id, item, tuple(sorted(steps, key=lambda step: step.at or "~")), is_complete)


def _place(event: FoundRecord) -> RecordPosition:
    shard_id, number = event.id.split(":")[:2]
    objects = frozenset(key for key, _ in event.archived)
    return RecordPosition(shard_id, number, timestamp(event.arrived_at), objects)


def _steps(
    event: FoundRecord, delivered: list[LoggedInvocation], marks: dict[str, datetime]
) -> Iterator[TraceEvent]:
    """What happened to a record, but for its outcome."""
    if event.dated:
        yield TraceEvent(utc_text(event.dated), "dated", event.id)
    shard_id = event.id.partition(":")[0]
    key = f"partition key {event.partition_key}" if event.partition_key else "no partition key"
    detail = f"{event.what.event.sent.event}, {key}" if event.what and event.what.event else key
    yield TraceEvent(event.arrived_at, "arrived", event.id, shard_id, detail if event.what else "")
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


def _is_erased(deployment: Deployment, event: FoundRecord) -> bool:
    """Whether it was deliberately erased: then only the stream has it, as long as it is retained."""
    return not event.archived and event.id in erased_in_hour(deployment, timestamp(event.arrived_at))


def _event_outcome(
    event: FoundRecord, effects: Mapping[str, EventEffect], of_position: Mapping[str, str]
) -> EventEffect | None:
    """What became of an event of the order; None for other records, and for one that is not stored."""
    if event.id in effects or event.what is None or event.what.event is None:
        return effects.get(event.id)
    same = of_position.get(position(event.what.event, event.id, timestamp(event.arrived_at)))
    return EventEffect("duplicate", f"of event {same}") if same else None


def _outcome(
    event: FoundRecord,
    item: Item | None,
    events: dict[str, FoundRecord],
    done: str | None,
    *,
    is_erased: bool,
) -> TraceEvent:
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


def _is_same(what: Decoded, item: Item, stored: FoundRecord | None) -> bool:
    """Whether it is the stored order, in any spelling."""
    is_same = is_item(what, item)
    if is_same is not None:
        return is_same
    return bool(stored and stored.what and same_content(what, stored.what))


def _resubmitted(note: ResubmissionNote) -> TraceEvent:
    return TraceEvent(note.at, "resubmitted", note.event_id, "", f"as event {note.new_event_id}")
