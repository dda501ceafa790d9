"""Verify discarded batches and their markers against Lambda's format, the stream and the archive."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from orderstream.archive.evidence import Finding
from orderstream.archive.expected_objects import Expiry, expiry_days, touches
from orderstream.archive.manifests import digest, hour_text
from orderstream.archive.provenance import records_of, why_not_by_lambda
from orderstream.archive.seal import record_digest
from orderstream.aws.deployment import Deployment
from orderstream.domain.decode import decode
from orderstream.domain.ids import order_id_of
from orderstream.domain.object_keys import (
    DISCARDED,
    LINES,
    ORDERS,
    REDRIVEN,
    discarded,
    hour_of,
    hour_prefix,
    key_of_marked,
    marker_key,
)
from orderstream.errors import DamagedError, NotFoundError
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.pipeline.records import Record
from orderstream.progress import Progress
from orderstream.recovery.dead_letters import (
    FailedBatch,
    event_records,
    read_failure,
    records_in,
    url,
)
from orderstream.storage import bucket, reader
from orderstream.storage.bucket import TimeRange
from orderstream.storage.orders import get_order
from orderstream.storage.stream import shard_records
from orderstream.storage.tombstones import erased_in_hour

# Every stream retains its records for at least a day.
_RETAINED = timedelta(hours=23)


def verify_batches(
    deployment: Deployment,
    span: TimeRange,
    attested: Mapping[str, str],
    is_kept: Callable[[str, str], bool],
    *,
    progress: Progress,
) -> Iterator[Finding]:
    """Findings about the on-failure objects and markers written since `span` began.

    `attested` are the objects that the chain attests, with their SHA-256, including those that an erasure
    rewrote. `is_kept` returns whether an hour's objects must still exist.
    """
    marks = {entry.key for entry in bucket.list_prefix(deployment, REDRIVEN)}
    there = list(bucket.list_prefix(deployment.discarded, DISCARDED))
    since = span.since or datetime.min.replace(tzinfo=UTC)
    with _Records() as records:
        late = (entry for entry in there if entry.modified >= since)
        for done, (entry, body) in enumerate(bucket.fetch_all(deployment.discarded, late), start=1):
            progress("batches that Lambda discarded", done)
            failure = read_failure(url(deployment, entry.key), body, entry.modified)
            # A bare key in a finding refers to the archive.
            name = failure.place
            try:
                found = records_in(failure, event_records(failure))
            except DamagedError as error:
                yield Finding("unexpected", name, f"Lambda writes no such object: {error.message}")
                continue
            was = attested.get(entry.key)
            if was is not None and was != digest(body):
                detail = f"its SHA-256 was {was} when an erasure wrote it, and is {digest(body)}"
                yield Finding("tampered", name, detail)
            elif why := why_not_by_lambda(entry, failure, is_attested=was is not None):
                yield Finding("unexpected", name, f"Lambda writes no such object: {why}")
            elif was is None and (why := _not_streamed(deployment, failure)):
                yield Finding("contradicted", name, why)
            if was is not None:
                # An erased record of an aggregate is empty.
                found = [one for one in found if one.data]
            mark_key = marker_key(entry.key)
            records.enter(name, found, mark_key if mark_key in marks else "")
        for hour in records.hours():
            if touches(span, hour_text(hour)):
                yield from _not_archived(deployment, hour, records, is_kept)
    there_too = {marker_key(entry.key) for entry in there}
    yield from _without_batch(deployment, marks - there_too)


def _without_batch(deployment: Deployment, marks: Collection[str]) -> Iterator[Finding]:
    """Markers of batches that do not exist, although no lifecycle rule of their bucket has removed them."""
    if not marks:
        return
    is_kept = Expiry(expiry_days(deployment.discarded), deployment.cloud.now()).is_kept
    for mark_key in sorted(marks):
        key = key_of_marked(mark_key)
        found = discarded(key)
        if found is None or is_kept(key, hour_text(hour_of(found[1]))):
            yield Finding("contradicted", mark_key, "marks a batch that is not there as brought back")


def _not_streamed(deployment: Deployment, failure: FailedBatch) -> str:
    """The first record that differs from the stream, as far as it is retained; empty if there is none."""
    records = records_of(failure)
    found = shard_records(deployment, failure.shard_id, failure.first, failure.last)
    streamed = {record.sequence_number: record.data for record in found}
    for record in records:
        data = streamed.get(record.sequence_number)
        if data is None and record.arrived_at < deployment.cloud.now() - _RETAINED:
            continue
        if data != record.data:
            return f"{record.event_id} is not so in the stream"
    return ""


def _not_archived(
    deployment: Deployment, hour: datetime, records: _Records, is_kept: Callable[[str, str], bool]
) -> Iterator[Finding]:
    """Records of an hour with other bytes in the archive, and redriven records that are missing there."""
    wanted = list(records.of_hour(hour))
    there: dict[str, set[bytes]] = {event_id: set() for event_id, *_ in wanted}
    for prefix in LINES:
        entries = bucket.of_hour(deployment, hour_prefix(prefix, hour))
        for one in reader.readable_lines(deployment, entries):
            if one.line.event_id in there:
                there[one.line.event_id].add(record_digest(one.line.event_id, original_bytes(one.line)))
    erased = erased_in_hour(deployment, hour)
    must_be_there = is_kept(ORDERS, hour_text(hour))
    named: set[tuple[str, str]] = set()
    for event_id, which, batch, done_by, order_id in wanted:
        marks = there[event_id]
        if marks and which not in marks:
            kind, place, detail = "contradicted", batch, f"{event_id} lies in the archive with other bytes"
        elif done_by and must_be_there and not marks and event_id not in erased:
            # With one object per order, the archive has only the first of several records of an order.
            if order_id is not None and _is_stored(deployment, order_id):
                continue
            kind, place = "contradicted", done_by
            detail = f"marks a batch as brought back, and {event_id} is neither archived nor quarantined"
        else:
            continue
        if (kind, place) not in named:
            named.add((kind, place))
            yield Finding(kind, place, detail)


def _is_stored(deployment: Deployment, order_id: str) -> bool:
    try:
        get_order(deployment, order_id)
    except NotFoundError:
        return False
    return True


class _Records:
    """The records of all batches by their hour of arrival, on disk: an outage leaves very many.

    Each has its batch, and the key of the marker that the batch is redriven, "" without one.
    """

    def __enter__(self) -> _Records:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("CREATE TABLE record (hour, event, mark, batch, done_by, order_id)")
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def enter(self, batch: str, records: Sequence[Record], done_by: str) -> None:
        for record in records:
            hour = hour_of(record.arrived_at).isoformat()
            order = decode(record.data).order
            order_id = order_id_of(order, record.event_id) if order else None
            which = record_digest(record.event_id, record.data)
            row = (hour, record.event_id, which, batch, done_by, order_id)
            self._file.execute("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)", row)

    def hours(self) -> list[datetime]:
        rows = self._file.execute("SELECT DISTINCT hour FROM record ORDER BY hour")
        return [datetime.fromisoformat(hour) for (hour,) in rows]

    def of_hour(self, hour: datetime) -> Iterator[tuple[str, bytes, str, str, str | None]]:
        query = "SELECT event, mark, batch, done_by, order_id FROM record WHERE hour = ?"
        yield from self._file.execute(query, (hour.isoformat(),))
