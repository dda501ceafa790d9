"""Read the status of a stack: one GetMetricData call for all figures, and Describe calls."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any

from orderstream.aws.alarms import describe_alarms
from orderstream.aws.deployment import Deployment
from orderstream.aws.function_versions import LiveVersion, live_version
from orderstream.aws.metrics import MINUTE, Metric, read_metrics
from orderstream.aws.stack import consumer_of
from orderstream.capacity.prices import CloudWatchPrices
from orderstream.capacity.reference_data import KinesisLimits
from orderstream.errors import OrderstreamError
from orderstream.monitoring import dead_letter_backlog
from orderstream.monitoring.figures import (
    WINDOW,
    MetricDimensions,
    Minutes,
    metrics_of,
    metrics_of_shard,
    revenue_of,
    total_between,
)
from orderstream.monitoring.health import (
    AlarmState,
    DeadLetterBacklog,
    StackFacts,
    Status,
    age_of,
    alarm_of,
    status_of,
    until_of,
)
from orderstream.monitoring.shards import BY_KEY, ShardLoads, shards_of
from orderstream.monitoring.tables import TableLoads, loads_of_tables, metrics_of_tables
from orderstream.pipeline.telemetry import NAMESPACE, REVENUE
from orderstream.sdk.endpoints import is_loopback
from orderstream.sdk.errors import translate_errors

# What changes slowly, or is charged per shard, is read again only after this time.
SECONDS_KEPT = 60.0
SECONDS_BETWEEN_LOOKS = 5.0


@dataclass(frozen=True)
class _CachedFacts:
    """What is cached between polls."""

    at: float
    retention_seconds: int
    shards: ShardLoads
    discarded: DeadLetterBacklog
    currencies: tuple[str, ...]
    version: LiveVersion
    tables: TableLoads


class StatusCollector:
    """Polls the status of a stack; `metrics_read` counts what CloudWatch charges for.

    `minutes` has the last hour's values from the last poll, by the names of `metrics_of`. `revenue` has the
    amounts of stored orders, by currency; they are CloudWatch's figures, for display only. Before the first
    poll both are empty.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._slow: _CachedFacts | None = None
        self.metrics_read = 0
        self.minutes: Mapping[str, Minutes] = {}
        self.revenue: Mapping[str, Minutes] = {}

    def collect(self, now: float | None = None) -> Status:
        """The status at `now`, in seconds since the epoch. Raises CloudError."""
        now = self._deployment.cloud.now().timestamp() if now is None else now
        with translate_errors(f"cannot look at stack {self._deployment.name}"):
            return self._look(now)

    @property
    def dollars_so_far(self) -> Decimal:
        """What CloudWatch charges for the metrics read so far."""
        return _dollars(self.metrics_read)

    @property
    def dollars_an_hour(self) -> Decimal:
        """What CloudWatch charges for an hour of polling, given the current metrics. Raises CloudError."""
        with translate_errors(f"cannot look at stack {self._deployment.name}"):
            shards = len(self._stream()[0])
            of_tables = metrics_of_tables(self._described_tables()).values()
            every_look = len(metrics_of(MetricDimensions("", "", "", ""))) + len(self._currencies())
        every_minute = 2 * shards + sum(map(len, of_tables))
        return _dollars(every_look * 3600 / SECONDS_BETWEEN_LOOKS + every_minute * 3600 / SECONDS_KEPT)

    def _look(self, now: float) -> Status:
        mapping = self._deployment.cloud.lambda_.get_event_source_mapping(UUID=self._deployment.mapping_id)
        consumer = consumer_of(mapping.get("EventSourceArn", ""))
        names = MetricDimensions(
            self._deployment.name,
            self._deployment.stream,
            self._deployment.function,
            self._deployment.mapping_id,
            consumer,
        )
        slow = self._figures(names, now)
        figures = self.minutes
        described = StackFacts(
            stack=self._deployment.name,
            retention_seconds=slow.retention_seconds,
            mapping_state=mapping.get("State", "unknown"),
            mapping_reason=mapping.get("StateTransitionReason", ""),
            consumer=consumer,
            is_local=is_loopback(self._deployment.cloud.lambda_.meta.endpoint_url),
            dead_letters=slow.discarded,
            alarms=list(self._alarms()),
            version=slow.version,
            tables=slow.tables,
        )
        backlog = self._backlog(names, figures, now)
        return status_of(described, figures, self.revenue, slow.shards, backlog, now)

    def _figures(self, names: MetricDimensions, now: float) -> _CachedFacts:
        """Read all figures in one request, including those of the shards when they are due."""
        slow = self._slow
        if slow and now - slow.at < SECONDS_KEPT:
            self._read_all(names, slow.currencies, (), now)
            return slow
        currencies = self._currencies()
        shard_ids, retention, mode, distribution = self._stream()
        described = self._described_tables()
        of_tables = metrics_of_tables(described)
        of_shards = {shard_id: metrics_of_shard(names, shard_id) for shard_id in shard_ids}
        more = chain.from_iterable((*of_shards.values(), *of_tables.values()))
        found = self._read_all(names, currencies, more, now)
        loads = {shard_id: (found[both[0]], found[both[1]]) for shard_id, both in of_shards.items()}
        limit = KinesisLimits()
        limits = limit.shard_in_records, limit.shard_in_bytes
        shards = shards_of(shard_ids, mode, loads, until_of(self.minutes, now), limits, distribution)
        waiting = dead_letter_backlog.count_pending(self._deployment)
        version = live_version(self._deployment)
        figures = {name: [found[one] for one in metrics] for name, metrics in of_tables.items()}
        tables = loads_of_tables(described, figures, until_of(self.minutes, now))
        self._slow = _CachedFacts(now, retention, shards, waiting, currencies, version, tables)
        return self._slow

    def _read_all(
        self, names: MetricDimensions, currencies: Iterable[str], more: Iterable[Metric], now: float
    ) -> dict[Metric, Minutes]:
        """Read the minutes of the stack, of the currencies, and of `more` metrics, which it returns."""
        wanted = metrics_of(names)
        revenue = {currency: revenue_of(names, currency) for currency in currencies}
        found = self._read([*wanted.values(), *revenue.values(), *more], now)
        self.minutes = {name: found[metric] for name, metric in wanted.items()}
        self.revenue = {currency: found[metric] for currency, metric in revenue.items()}
        return found

    def _currencies(self) -> tuple[str, ...]:
        """The currencies of orders stored in the last hours, as far as CloudWatch lists them."""
        pages = self._deployment.cloud.cloudwatch.get_paginator("list_metrics").paginate(
            Namespace=NAMESPACE,
            MetricName=REVENUE,
            Dimensions=[{"Name": "Stack", "Value": self._deployment.name}],
            RecentlyActive="PT3H",
        )
        found = {
            dimension["Value"]
            for page in pages
            for metric in page["Metrics"]
            for dimension in metric["Dimensions"]
            if dimension["Name"] == "Currency"
        }
        return tuple(sorted(found))

    def _stream(self) -> tuple[list[str], int, str, str]:
        """The open shards, the retention in seconds, the mode, and how records are distributed."""
        about = self._deployment.cloud.kinesis.describe_stream_summary(StreamName=self._deployment.stream)
        summary = about["StreamDescriptionSummary"]
        pages = self._deployment.cloud.kinesis.get_paginator("list_shards").paginate(
            StreamName=self._deployment.stream
        )
        shard_ids = [
            shard["ShardId"]
            for page in pages
            for shard in page["Shards"]
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        ]
        mode = summary.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED")
        # Kinesis returns it for on-demand streams only.
        distribution = summary.get("RecordDistributionStrategy", BY_KEY)
        return shard_ids, summary["RetentionPeriodHours"] * 3600, mode, distribution

    def _described_tables(self) -> list[Any]:
        """The tables of orders and, if there is one, of their events."""
        names = filter(None, (self._deployment.table, self._deployment.events_table))
        describe = self._deployment.cloud.dynamodb.describe_table
        return [describe(TableName=name)["Table"] for name in names]

    def _backlog(self, names: MetricDimensions, figures: Mapping[str, Minutes], now: float) -> int | None:
        until = until_of(figures, now)
        age = age_of(figures, until)
        if age is None:
            return None
        if age < 1:
            return 0
        since = until - age
        if age <= WINDOW - MINUTE:
            return math.ceil(total_between(figures["records"], since, until))
        # Few periods that reach back far enough; CloudWatch keeps shorter ones for only fifteen days.
        period = next(one for one in (60, 300, 3600) if age / one <= 300 or one == 3600)
        records = metrics_of(names)["records"]
        long_ago = self._read([records], now, since - period, period)[records]
        return math.ceil(total_between(long_ago, since, until, period))

    def _alarms(self) -> Iterable[AlarmState]:
        for alarm in describe_alarms(self._deployment.cloud, self._deployment.name):
            since = alarm.get("StateTransitionedTimestamp") or alarm.get("StateUpdatedTimestamp")
            yield alarm_of(
                self._deployment.name,
                alarm["AlarmName"],
                alarm["StateValue"],
                since,
                alarm.get("AlarmDescription", ""),
            )

    def _read(
        self, metrics: Sequence[Metric], now: float, since: float | None = None, period: int = MINUTE
    ) -> dict[Metric, Minutes]:
        """The periods of each metric since `since` (by default, a window before now)."""
        begin = int((now - WINDOW if since is None else since) // period) * period
        self.metrics_read += len(metrics)
        found = read_metrics(self._deployment.cloud, metrics, begin, int(now // MINUTE + 1) * MINUTE, period)
        return dict(found)


def poll(
    watch: StatusCollector,
    *,
    on_problem: Callable[[str], None],
    wait: Callable[[float], object] = time.sleep,
) -> Iterator[Status]:
    """Yield a status every few seconds, forever. The first poll must succeed; later failures are only
    reported.
    """
    yield watch.collect()
    while True:
        wait(SECONDS_BETWEEN_LOOKS)
        try:
            yield watch.collect()
        except OrderstreamError as error:
            on_problem(error.message)


def _dollars(metrics: float) -> Decimal:
    return CloudWatchPrices().metric_read_thousand * Decimal(metrics) / 1000
