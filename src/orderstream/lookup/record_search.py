"""Find the records of an order, and of its events: in quarantine, archive, discarded batches and stream."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice

from orderstream.aws.deployment import Deployment
from orderstream.domain import object_keys
from orderstream.domain.decode import Decoded, decode
from orderstream.domain.fields import timestamp, utc_text
from orderstream.domain.ids import order_id_of
from orderstream.domain.object_keys import (
    ARCHIVE,
    COMPACTED,
    ORDERS,
    QUARANTINE,
    hour_prefix,
    hour_prefix_of,
    is_batch,
    order_key,
    shard_range,
)
from orderstream.errors import DamagedError
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes
from orderstream.pipeline.deaggregate import deaggregate
from orderstream.pipeline.records import Record
from orderstream.progress import Progress
from orderstream.recovery.dead_letters import FailedBatch, event_records, failed_objects, records_in
from orderstream.storage import bucket, reader, stream
from orderstream.storage.bucket import ObjectSummary, TimeRange

# Reading so many objects takes a moment. Those of a day may take minutes.
MOST_SEARCHED = 50


@dataclass
class FoundRecord:
    """One record of the order or of an event of it, with the locations where it was found.

    A location is a key and the number of a line. `dated` is the time that the producer gave the record.
    """

    id: str
    arrived_at: str
    partition_key: str | None
    what: Decoded | None = None
    dated: datetime | None = None
    archived: dict[tuple[str, int], datetime] = field(default_factory=dict)
    quarantined: tuple[str, int, ArchiveLine] | None = None
    discarded: list[FailedBatch] = field(default_factory=list)


def search_quarantine(
    deployment: Deployment,
    order_id: str,
    span: TimeRange,
    events: dict[str, FoundRecord],
    progress: Progress,
) -> None:
    """Add the records in quarantine."""
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


def search_archive(
    deployment: Deployment,
    order_id: str,
    span: TimeRange,
    events: dict[str, FoundRecord],
    progress: Progress,
    known: Collection[str] = (),
) -> bool:
    """Add the archived records, also those that were found before.

    `known` are the keys of objects with records of it. If there are any, and far more objects, only these and
    those of `events` are read; then the answer is False: repeats of the order may be in others.
    """
    name = order_key(order_id)
    single = (entry for entry in bucket.list_prefix(deployment, name) if entry.key == name)
    is_quick = bool(known) and all(map(is_batch, known))
    page_size = MOST_SEARCHED + 1 if is_quick else None
    hours = (bucket.list_by_hour(deployment, prefix, span, page_size=page_size) for prefix in ARCHIVE)
    entries: Iterator[ObjectSummary] = chain(single, *hours)
    is_complete = True
    if is_quick:
        first = list(islice(entries, MOST_SEARCHED + 1))
        is_complete = len(first) <= MOST_SEARCHED
        entries = iter(first) if is_complete else _of_known(deployment, known, events)
    for one in reader.search(
        deployment,
        entries,
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
    return is_complete


def _of_known(
    deployment: Deployment, known: Collection[str], events: Mapping[str, FoundRecord]
) -> Iterator[ObjectSummary]:
    """The objects called `known`, those with the records of `events`, and what these are compacted to."""
    keys = set(known)
    for event in events.values():
        shard_id, number = event.id.split(":")[:2]
        folder = hour_prefix(ORDERS, timestamp(event.arrived_at))
        for entry in bucket.list_prefix(deployment, f"{folder}{shard_id}-"):
            if object_keys.is_hourly(entry.key):
                _, first, last = shard_range(entry.key)
                if int(first) <= int(number) <= int(last):
                    keys.add(entry.key)
    yield from map(bucket.summary_for_key, sorted(keys))
    for folder in sorted({hour_prefix_of(key, COMPACTED) for key in keys}):
        yield from bucket.of_hour(deployment, folder)


def search_failures(
    deployment: Deployment, order_id: str, span: TimeRange, events: dict[str, FoundRecord]
) -> None:
    """Add the records in batches that Lambda discarded."""

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


def search_stream(
    deployment: Deployment,
    order_id: str,
    span: TimeRange,
    events: dict[str, FoundRecord],
    progress: Progress,
) -> None:
    """Add the records that are still in the stream."""
    for read, record in enumerate(stream.records(deployment, span)):
        progress("records of the stream read", read)
        for inner in deaggregate(record):
            if _is_of(inner, order_id):
                _noted_record(events, inner)


def _is_of(record: Record, order_id: str) -> bool:
    what = decode(record.data)
    own = order_id_of(what.order, record.event_id) if what.order else None
    return order_id in (record.event_id, what.event.sent.order_id if what.event else own)


def _add(events: dict[str, FoundRecord], line: ArchiveLine) -> FoundRecord:
    event = events.setdefault(line.event_id, FoundRecord(line.event_id, line.arrived_at, line.partition_key))
    event.partition_key = line.partition_key
    event.what = what = decode(original_bytes(line))
    if what.order is not None:
        event.dated = what.order.order_date
    elif what.event is not None:
        event.dated = what.event.sent.occurred_at
    return event


def _noted_record(events: dict[str, FoundRecord], record: Record) -> FoundRecord:
    arrived_at = utc_text(record.arrived_at)
    event = events.setdefault(record.event_id, FoundRecord(record.event_id, arrived_at, record.partition_key))
    event.what = event.what or decode(record.data)
    return event
