"""Compare what the change feed announced with the orders that are stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from orderstream.aws.deployment import Deployment
from orderstream.domain.fields import utc_text
from orderstream.domain.fold import is_placeholder, version_of
from orderstream.progress import Progress, no_progress
from orderstream.recovery.announced_versions import AnnouncedVersions, OrderVersions
from orderstream.recovery.watermark import announced_until
from orderstream.sdk.errors import translate_errors
from orderstream.storage import stream
from orderstream.storage.announcements import announced
from orderstream.storage.bucket import TimeRange
from orderstream.storage.orders import stored_items

_AT_A_TIME = 100
_READINGS = 3
_SECONDS_BETWEEN_READINGS = 1.5


@dataclass(frozen=True)
class UnstoredVersion:
    """The last version of an order that was announced, and that which is stored; None without an order."""

    order_id: str
    announced: int
    stored: int | None


@dataclass(frozen=True)
class FeedDifferences:
    """What is stored and was not announced, and what was announced and is not stored."""

    unannounced: list[OrderVersions]
    unstored: list[UnstoredVersion]


def read_feed(
    versions: AnnouncedVersions, deployment: Deployment, since: datetime | None, *, progress: Progress
) -> None:
    """Add what was announced from `since` on, as far as the stream retains it."""
    if not deployment.changes_stream:
        return
    versions.read_until = deployment.cloud.now()
    records = stream.records(deployment.change_feed, TimeRange(since, None))
    for done, one in enumerate(announced(records), start=1):
        versions.add(one)
        if done % 1000 == 0:
            progress("announcements read", done)


def feed_differences(
    versions: AnnouncedVersions,
    deployment: Deployment,
    span: TimeRange,
    now: datetime,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> FeedDifferences:
    """What differs of orders of which anything arrived in `span`, at `now`; nothing without a change feed.

    What differs may be on its way, above all after a repair: so the feed is read again a few times.
    """
    if not deployment.changes_stream:
        return FeedDifferences([], [])
    settled = announced_until(deployment, now)
    since = utc_text(max(_feed_begin(deployment, now), span.since or datetime.min.replace(tzinfo=UTC)))
    until = utc_text(min(settled, span.until or settled))
    for readings_left in reversed(range(_READINGS)):
        unannounced = list(versions.missing(since, until))
        unstored = list(_still_unstored(deployment, versions.unstored()))
        if not (unannounced or unstored) or not readings_left:
            break
        sleep(_SECONDS_BETWEEN_READINGS)
        read_feed(versions, deployment, versions.read_until, progress=no_progress)
    return FeedDifferences(unannounced, unstored)


def _still_unstored(deployment: Deployment, suspicious: Iterator[OrderVersions]) -> Iterator[UnstoredVersion]:
    """Those that are not stored now: orders changed since they were read, and others arrived."""
    while some := list(islice(suspicious, _AT_A_TIME)):
        items = stored_items(deployment, (one.order_id for one in some))
        for one in some:
            item = items.get(one.order_id)
            stored = None if item is None or is_placeholder(item) else version_of(item)
            if stored is None or stored < one.versions[-1]:
                yield UnstoredVersion(one.order_id, one.versions[-1], stored)


def _feed_begin(deployment: Deployment, now: datetime) -> datetime:
    """Everything that arrived from then on must be on the stream of changes, if it changed an order."""
    table, changes = deployment.table, deployment.changes_stream
    with translate_errors(f"cannot describe table {table} and stream {changes}"):
        # The label is when the table's stream was switched on.
        label = deployment.cloud.dynamodb.describe_table(TableName=table)["Table"].get("LatestStreamLabel")
        summary = deployment.cloud.kinesis.describe_stream_summary(StreamName=changes)
    retention = timedelta(hours=summary["StreamDescriptionSummary"]["RetentionPeriodHours"])
    if label is None:
        return now
    return max(datetime.fromisoformat(label).replace(tzinfo=UTC), now - retention)
