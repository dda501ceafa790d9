"""The demo: sends sample orders through the whole local cloud and accounts for every one."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from orderstream.aws.deployment import Deployment
from orderstream.client import OrderProducer
from orderstream.errors import OrderstreamError
from orderstream.ingest.samples import Kind, Sample, samples
from orderstream.ingest.send import SendStats, simulate
from orderstream.local.cloud import LocalCloud
from orderstream.pipeline import telemetry
from orderstream.progress import Progress
from orderstream.recovery.reconciliation_store import ReconciliationStore
from orderstream.recovery.verify import (
    ReconciliationReport,
    read_archive,
    read_items,
    read_quarantine,
    verify,
)
from orderstream.sdk.errors import translate_errors
from orderstream.storage.orders import Item, get_order, raw_order

SEED = 20_261_122
BAD_SHARE, DUPLICATE_SHARE, CONFLICT_SHARE = 0.02, 0.03, 0.01
PATIENCE_SECONDS = 60
WAKING = 40


@dataclass(frozen=True)
class DemoResult:
    """What was sent and the outcomes; latencies in milliseconds, from arrival to stored."""

    sent: int
    expected: Mapping[Kind, int]
    reconciliation: ReconciliationReport
    orders_per_second: float
    latency_p50: float
    latency_p99: float
    order: Item
    raw: bytes

    @property
    def agrees(self) -> bool:
        """Whether every record is accounted for, and every count matches what was deliberately sent."""
        found = self.reconciliation.counts
        counts = (found.stored, found.duplicates, found.conflicts, found.invalid)
        kinds: tuple[Kind, ...] = ("order", "duplicate", "conflict", "bad")
        wanted = tuple(self.expected.get(kind, 0) for kind in kinds)
        everywhere = found.archived == found.streamed == self.sent
        return counts == wanted and everywhere and not self.reconciliation.discrepancies


def sample_traffic(records: int) -> Iterator[Sample]:
    """The demo's own traffic, the same in every run."""
    endless = samples(
        SEED, bad_share=BAD_SHARE, duplicate_share=DUPLICATE_SHARE, conflict_share=CONFLICT_SHARE
    )
    return islice(endless, records)


def run_demo(local: LocalCloud, traffic: Iterable[Sample], *, rate: float, progress: Progress) -> DemoResult:
    """Send the traffic at `rate` a second, and wait until each record is accounted for.

    The first few records are sent ahead to start the function. Raises OrderstreamError if no record comes to
    the archive for a minute.
    """
    deployment = local.deployment
    started = datetime.now(UTC)
    records = iter(traffic)
    with ReconciliationStore() as store:
        first = _send_and_follow(local, store, islice(records, WAKING), float("inf"), progress)
        begin = time.monotonic()
        rest = _send_and_follow(local, store, records, rate, progress)
        _await_outcomes(local, store, progress)
    seconds = time.monotonic() - begin
    # Stopping it flushes the metrics that it still holds.
    local.delivery.stop()
    p50, p99 = latency_percentiles(deployment, since=started)
    order = _some_order(deployment)
    return DemoResult(
        sent=first.read + rest.read,
        expected=Counter(first.kinds) + Counter(rest.kinds),
        reconciliation=verify(deployment, progress=progress),
        orders_per_second=rest.read / seconds,
        latency_p50=p50,
        latency_p99=p99,
        order=order,
        raw=raw_order(deployment, order["OrderID"]),
    )


def _send_and_follow(
    local: LocalCloud, store: ReconciliationStore, traffic: Iterable[Sample], rate: float, progress: Progress
) -> SendStats:
    """Send, and return when the archive has all records."""
    stop = threading.Event()
    before = store.archived
    latest, moved = before, time.monotonic()
    seen = SendStats()

    def send() -> SendStats:
        with OrderProducer(local.deployment.stream, local.cloud.kinesis_no_retry) as producer:
            return simulate(producer, traffic, rate=rate, seconds=None, stop=stop, tally=seen)

    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(send)
        try:
            while not (sending.done() and store.archived >= before + sending.result().sent):
                local.check()
                read_archive(store, local.deployment)
                progress("records archived", store.archived, before + seen.read)
                if store.archived > latest:
                    latest, moved = store.archived, time.monotonic()
                if time.monotonic() - moved > PATIENCE_SECONDS:
                    raise OrderstreamError(
                        f"for {PATIENCE_SECONDS} s no further record came to the archive, which has {latest}",
                        hint=f"the log of MiniStack ends:\n{local.ministack.log_tail()}",
                    )
                time.sleep(0.2)
        finally:
            stop.set()
    if seen.failed:
        raise OrderstreamError(f"{seen.failed} of {seen.read} records could not be sent")
    return seen


def _await_outcomes(local: LocalCloud, store: ReconciliationStore, progress: Progress) -> None:
    # Archived records may not be inserted yet. Reading the whole table slows down inserts, so it is only done
    # at the end.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        local.check()
        read_items(store, local.deployment, progress=progress)
        read_quarantine(store, local.deployment, progress=progress)
        if not store.outcomes().get("open"):
            return
        time.sleep(0.2)


def latency_percentiles(deployment: Deployment, *, since: datetime) -> tuple[float, float]:
    """p50 and p99 of the milliseconds from arrival to stored since `since`, from CloudWatch."""
    hour = since.replace(minute=0, second=0, microsecond=0)
    with translate_errors("cannot read the latency from CloudWatch"):
        points = deployment.cloud.cloudwatch.get_metric_statistics(
            Namespace=telemetry.NAMESPACE,
            MetricName=telemetry.LATENCY,
            Dimensions=[{"Name": "Stack", "Value": deployment.name}],
            StartTime=hour,
            EndTime=hour + timedelta(hours=24),
            Period=86_400,
            ExtendedStatistics=["p50", "p99"],
        )["Datapoints"]
    if not points:
        raise OrderstreamError("CloudWatch has no latency of this run")
    statistics: dict[str, Any] = points[0]["ExtendedStatistics"]
    return statistics["p50"], statistics["p99"]


def _some_order(deployment: Deployment) -> Item:
    with translate_errors(f"cannot read table {deployment.table}"):
        page = deployment.cloud.dynamodb.scan(
            TableName=deployment.table, Limit=1, ProjectionExpression="OrderID"
        )
    return get_order(deployment, page["Items"][0]["OrderID"]["S"])
