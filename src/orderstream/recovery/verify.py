"""Verify: reconcile stream, archive, table and quarantine, and report every discrepancy by its id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from orderstream.aws.deployment import Deployment
from orderstream.domain.fields import utc_text
from orderstream.domain.object_keys import QUARANTINE, prefix_of
from orderstream.errors import DamagedError
from orderstream.pipeline.archive_codec import ArchiveLine
from orderstream.pipeline.deaggregate import deaggregate
from orderstream.progress import Progress, no_progress
from orderstream.recovery.change_replay import announce
from orderstream.recovery.dead_letters import event_records, pending_objects, records_in
from orderstream.recovery.feed_check import FeedDifferences, feed_differences, read_feed
from orderstream.recovery.order_states import state_discrepancies
from orderstream.recovery.reconciliation_store import Discrepancy, ReconciliationStore
from orderstream.recovery.repair import repair
from orderstream.recovery.reprocess import ReprocessResult
from orderstream.recovery.table_scan import scan_events, scan_orders
from orderstream.recovery.watermark import watermark
from orderstream.storage import bucket, reader, stream
from orderstream.storage.bucket import ALL_TIME, ObjectSummary, TimeRange
from orderstream.storage.orders import originals
from orderstream.storage.reader import ArchiveObject
from orderstream.storage.tombstones import erased_event_ids

T = TypeVar("T")

# These sort before and after every time in the format of `utc_text`.
_EARLIEST, _LATEST = "", "~"

Clock = Callable[[], datetime] | None


@dataclass(frozen=True)
class Counts:
    """What was read, and the outcomes of the distinct records in it.

    `streamed` records of the stream, `archived` ones of the archive, `items` of the table of orders, and
    `order_events` of the table of events; both tables are read completely. Of these events, `waiting` ones
    have an order that has not arrived. `announced` versions of orders are on the stream of changes.

    Each of the `records` has one outcome, so `records` is the sum of all the counts after it: `stored` ones
    are orders, `events` are stored too. Those `in_flight` are neither accounted for nor old enough to be
    missing.
    """

    streamed: int
    archived: int
    items: int
    order_events: int
    waiting: int
    announced: int
    records: int
    stored: int
    events: int
    duplicates: int
    conflicts: int
    invalid: int
    discarded: int
    erased: int
    in_flight: int
    missing: int


@dataclass(frozen=True)
class ReconciliationReport:
    """The result, and its scope: `objects` of archive and quarantine, for what arrived in `span`.

    Unless limited otherwise, the span ends when the report was created. The first event that waits for its
    order does so since `waiting_since` (UTC text).
    """

    counts: Counts
    discrepancies: tuple[Discrepancy, ...]
    # The scope is not part of the result: reports with the same findings are equal.
    span: TimeRange = field(compare=False)
    objects: int = field(compare=False)
    waiting_since: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to check, so that there is no verdict."""
        return not self.counts.records and not self.discrepancies


def verify(
    deployment: Deployment,
    span: TimeRange = ALL_TIME,
    *,
    progress: Progress = no_progress,
    clock: Clock = None,
) -> ReconciliationReport:
    """Reconcile what arrived in `span`. `progress` is called with what is being read and the count so far.

    `clock` defaults to the service's.

    Reads both tables whole, the objects of the span, and both streams as far as they are retained.
    """
    with ReconciliationStore() as store:
        load_sources(store, deployment, span, progress=progress)
        now = (clock or deployment.cloud.now)()
        return reconcile(store, deployment, span, now)


def verify_and_repair(
    deployment: Deployment,
    span: TimeRange = ALL_TIME,
    *,
    progress: Progress = no_progress,
    clock: Clock = None,
) -> tuple[ReprocessResult, ReconciliationReport]:
    """Reconcile, repair what is missing, and reconcile again from scratch."""
    with ReconciliationStore() as store:
        load_sources(store, deployment, span, progress=progress)
        now = (clock or deployment.cloud.now)()
        done = repair(store, deployment, span, settled=watermark(deployment, now), progress=progress)
        missing = feed_differences(store.announced, deployment, span, now).unannounced
        announce(deployment, missing, done)
    return done, verify(deployment, span, progress=progress, clock=clock)


def load_sources(
    store: ReconciliationStore, deployment: Deployment, span: TimeRange, *, progress: Progress
) -> None:
    """Add all sources, in the order in which a record reaches them, so that none seems to skip one."""
    records = (inner for record in stream.records(deployment, span) for inner in deaggregate(record))
    store.add_streamed(_counted(records, "records of the stream read", progress))
    read_archive(store, deployment, span, progress=progress)
    read_items(store, deployment, progress=progress)
    read_quarantine(store, deployment, span, progress=progress)
    store.add_erased(erased_event_ids(deployment, span))
    for key, arrived_at in store.unread_objects(*_bounds(span)):
        # Written since the archive was read, by a batch of another time, or missing.
        try:
            store.add_archived(key, reader.read_object(deployment, key, arrived_at))
        except DamagedError as error:
            store.add_corrupt(key, error.message)
    settle_contested(store, deployment)
    progress("items to compare", store.counts_read()[2])
    if store.outcomes().get("open"):
        for failure in pending_objects(deployment):
            try:
                store.add_discarded(failure.place, records_in(failure, event_records(failure)))
            except DamagedError as error:
                store.add_corrupt(failure.place, error.message)
    read_feed(store.announced, deployment, span.since, progress=progress)


def settle_contested(store: ReconciliationStore, deployment: Deployment) -> None:
    """Add the bytes that decide about records whose item has another fingerprint and is outside the span."""
    for order_id, data in originals(deployment, list(store.contested())).items():
        store.add_original(order_id, data)


def read_archive(
    store: ReconciliationStore,
    deployment: Deployment,
    span: TimeRange = ALL_TIME,
    *,
    progress: Progress = no_progress,
) -> None:
    """Add the archive objects that were not added before."""
    _read(store, deployment, bucket.archive(deployment, span), store.add_archived, span, progress)


def read_items(
    store: ReconciliationStore, deployment: Deployment, *, progress: Progress = no_progress
) -> None:
    """Add all items of the table of orders, and then the events in theirs: so none seems to be missing."""
    store.add_items(_counted(scan_orders(deployment), "items read", progress))
    store.events.add(_counted(scan_events(deployment), "events read", progress))


def read_quarantine(
    store: ReconciliationStore,
    deployment: Deployment,
    span: TimeRange = ALL_TIME,
    *,
    progress: Progress = no_progress,
) -> None:
    """Add the quarantine objects that were not added before."""

    def enter(key: str, lines: Iterable[ArchiveLine]) -> None:
        store.add_quarantined(lines)

    _read(store, deployment, bucket.list_by_hour(deployment, QUARANTINE, span), enter, span, progress)


def reconcile(
    store: ReconciliationStore, deployment: Deployment, span: TimeRange, now: datetime
) -> ReconciliationReport:
    """The report at `now`."""
    settled = utc_text(watermark(deployment, now))
    found: list[Discrepancy] = []
    in_flight = missing = 0
    for record in store.unaccounted():
        if record.arrived_at >= settled:
            in_flight += 1
            continue
        missing += 1
        if record.key is None:
            found.append(Discrepancy("unarchived", record.event_id, "is in the stream and nowhere else"))
        else:
            detail = f"{record.what}: is in {record.key} and nowhere else"
            found.append(Discrepancy("missing", record.event_id, detail))
    for event_id, key in store.discarded():
        found.append(Discrepancy("discarded", event_id, f"Lambda discarded it: {key}"))
    found += store.discrepancies(*_bounds(span))
    found += (one.found for one in state_discrepancies(store, deployment, span, settled))
    found += _feed_discrepancies(feed_differences(store.announced, deployment, span, now))
    waiting, waiting_since = store.events.waiting()
    found_outcomes = store.outcomes()
    streamed, objects, items = store.counts_read()
    counts = Counts(
        streamed=streamed,
        archived=store.archived,
        items=items,
        order_events=store.events.count(),
        waiting=waiting,
        announced=store.announced.count(),
        records=sum(found_outcomes.values()),
        stored=found_outcomes.get("stored", 0),
        events=found_outcomes.get("event", 0),
        duplicates=found_outcomes.get("duplicate", 0),
        conflicts=found_outcomes.get("conflict", 0),
        invalid=found_outcomes.get("invalid", 0),
        discarded=found_outcomes.get("discarded", 0),
        erased=found_outcomes.get("erased", 0),
        in_flight=in_flight,
        missing=missing,
    )
    return ReconciliationReport(
        counts, tuple(found), TimeRange(span.since, min(span.until or now, now)), objects, waiting_since
    )


def _feed_discrepancies(found: FeedDifferences) -> Iterator[Discrepancy]:
    for missing in found.unannounced:
        versions = ", ".join(map(str, missing.versions))
        yield Discrepancy("not_announced", missing.order_id, f"version {versions}")
    for one in found.unstored:
        stored = "the order is not in the table" if one.stored is None else f"the item has {one.stored}"
        yield Discrepancy("announced_not_stored", one.order_id, f"version {one.announced}, {stored}")


def _bounds(span: TimeRange) -> tuple[str, str]:
    return (
        utc_text(span.since) if span.since else _EARLIEST,
        utc_text(span.until) if span.until else _LATEST,
    )


def _read(
    store: ReconciliationStore,
    deployment: Deployment,
    entries: Iterable[ObjectSummary],
    enter: Callable[[str, Iterable[ArchiveLine]], None],
    span: TimeRange,
    progress: Progress,
) -> None:
    new = (entry for entry in entries if not store.is_known(entry))
    done = 0
    for opened in reader.objects(deployment, new):
        entry = opened.entry
        enter(opened.key, _lines(store, opened, span))
        store.add_object(opened.key, entry.etag if opened.key == entry.key else "")
        store.add_object(entry.key, entry.etag)
        done += 1
        progress(f"objects of {prefix_of(opened.key)} read", done)


def _lines(store: ReconciliationStore, opened: ArchiveObject, span: TimeRange) -> Iterator[ArchiveLine]:
    for one in reader.skip_corruption(opened.lines, opened.entry.key, store.add_corrupt):
        if span.contains(one.line.arrived_at):
            yield one.line


def _counted(things: Iterable[T], what: str, progress: Progress) -> Iterator[T]:
    for done, thing in enumerate(things, start=1):
        if done % 1000 == 0:
            progress(what, done)
        yield thing
