"""Repair: process records again that are in no table, and update orders from their events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby, islice
from operator import attrgetter

from orderstream.aws.deployment import Deployment
from orderstream.domain.fields import timestamp, utc_text
from orderstream.domain.object_keys import COMPACTED, hour_prefix
from orderstream.pipeline.archive_codec import ArchiveLine
from orderstream.pipeline.deaggregate import deaggregate
from orderstream.progress import Progress
from orderstream.recovery.order_states import state_discrepancies
from orderstream.recovery.reconciliation_store import ReconciliationStore
from orderstream.recovery.reprocess import (
    RECORDS_A_BATCH,
    AlreadyArchived,
    Reprocessor,
    ReprocessResult,
    record_of,
)
from orderstream.storage import bucket, reader, stream
from orderstream.storage.bucket import TimeRange
from orderstream.storage.parquet import LocatedLine


def repair(
    store: ReconciliationStore,
    deployment: Deployment,
    span: TimeRange,
    *,
    settled: datetime,
    progress: Progress,
) -> ReprocessResult:
    """Process missing records that arrived before `settled`, into the tables or the quarantine.

    It does what the function does, from the bytes in the archive or, for records that are not there, in the
    stream. No order and no event is overwritten: an order whose state differs from the one that its events
    lead to is given that as a further version.
    """
    processing = Reprocessor(deployment, "orders stack verify --repair")
    missing = (record for record in store.unaccounted() if record.arrived_at < utc_text(settled))
    unarchived: set[str] = set()
    compacted: dict[str, dict[str, str]] = {}
    for key, group in groupby(missing, attrgetter("key")):
        wanted = {record.event_id: record.arrived_at for record in group}
        if key is None:
            unarchived |= wanted.keys()
            continue
        body = bucket.fetch(deployment, key)
        if body is None:
            # An hour's objects are compacted together, so read them together.
            for event_id, arrived_at in wanted.items():
                hour = hour_prefix(COMPACTED, timestamp(arrived_at))
                compacted.setdefault(hour, {})[event_id] = key
            continue
        # Damage was recorded when the store was loaded; lines before it can be repaired.
        lines = _undamaged(reader.located_lines(deployment, bucket.summary_for_key(key), body), key)
        there = AlreadyArchived(deployment, dict.fromkeys(wanted, key).__getitem__)
        processing.run((record_of(line) for line in lines if line.event_id in wanted), there)
        progress("missing records repaired", processing.done.records)
    for hour, keys in compacted.items():
        entries = list(bucket.of_hour(deployment, hour))
        for opened in reader.objects(deployment, entries):
            lines = _undamaged(opened.lines, opened.key)
            mine = (record_of(line) for line in lines if keys.get(line.event_id) == opened.key)
            processing.run(mine, AlreadyArchived(deployment, keys.__getitem__))
        progress("missing records repaired", processing.done.records)
    if unarchived:
        records = (inner for record in stream.records(deployment, span) for inner in deaggregate(record))
        processing.run((record for record in records if record.event_id in unarchived), processing.archive)
    wrong = (
        order_id
        for order_id, found in state_discrepancies(store, deployment, span, utc_text(settled))
        if found.kind != "event_missing"
    )
    order_ids = (order_id for order_id, _ in groupby(wrong))
    while some := list(islice(order_ids, RECORDS_A_BATCH)):
        processing.settle(deployment, some)
        progress("orders updated from their events", processing.done.updated)
    return processing.done


def _undamaged(lines: Iterator[LocatedLine], key: str) -> Iterator[ArchiveLine]:
    return (one.line for one in reader.skip_corruption(lines, key, lambda key, what: None))
