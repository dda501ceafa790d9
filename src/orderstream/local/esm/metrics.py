"""Metrics that AWS would publish to CloudWatch for the stream and the mapping, aggregated by minute and sent.

Kinesis counts records on arrival. Here they are counted when read, in the minute of their arrival: records
not read yet are in no metric, and records read again after a restart are counted again. DynamoDB counts those
of a stream when they are read.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from orderstream.aws.kinesis_event import EventRecord
from orderstream.aws.stack import consumer_of
from orderstream.local.esm.destination import Ending
from orderstream.local.esm.mapping import Mapping

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.literals import StandardUnitType
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

# A first value is sent immediately, so that a single order shows up; later ones are sent as one set per
# interval. Zeros only show that measuring goes on: four a minute are enough for that.
SECONDS_BETWEEN = 5.0
SECONDS_BETWEEN_ZEROS = 15.0
_MINUTE = 60
_DATA_A_CALL = 200


@dataclass(frozen=True, slots=True)
class Series:
    """A metric with its dimensions, as (name, value) in AWS's order."""

    namespace: str
    name: str
    unit: StandardUnitType
    dimensions: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Values:
    count: int
    total: float
    least: float
    most: float


class MetricSender:
    """Aggregates values from any thread by series and minute, and sends them to CloudWatch when due."""

    def __init__(self, cloudwatch: CloudWatchClient, on_problem: Callable[[str], None]) -> None:
        self._cloudwatch = cloudwatch
        self._on_problem = on_problem
        self._lock = threading.Lock()
        self._values: dict[tuple[Series, int], _Values] = {}
        self._sent_at: dict[Series, float] = {}

    def add(self, series: Series, value: float, at: float) -> None:
        """Add `value` to the minute of `at`, in seconds since the epoch."""
        with self._lock:
            found = self._values.setdefault((series, _minute_of(at)), _Values(0, 0, value, value))
            found.count += 1
            found.total += value
            found.least = min(found.least, value)
            found.most = max(found.most, value)

    def send(self, now: float, *, everything: bool = False) -> None:
        """Send what is due at `now` (seconds since the epoch), or everything.

        Failures are reported and dropped: metrics never delay orders.
        """
        data: dict[str, list[MetricDatumTypeDef]] = {}
        with self._lock:
            due = [key for key, some in self._values.items() if everything or self._is_due(key[0], some, now)]
            for series, minute in due:
                datum = _datum(series, minute, self._values.pop((series, minute)))
                data.setdefault(series.namespace, []).append(datum)
                self._sent_at[series] = now
        for namespace, found in data.items():
            for start in range(0, len(found), _DATA_A_CALL):
                some = found[start : start + _DATA_A_CALL]
                try:
                    self._cloudwatch.put_metric_data(Namespace=namespace, MetricData=some)
                except (BotoCoreError, ClientError) as error:
                    self._on_problem(f"{len(some)} metrics of {namespace} not sent: {error}")

    def _is_due(self, series: Series, values: _Values, now: float) -> bool:
        waited = now - self._sent_at.get(series, float("-inf"))
        return waited >= (SECONDS_BETWEEN if values.total else SECONDS_BETWEEN_ZEROS)


class DeliveryMetrics(Protocol):
    """What the threads of a shard report."""

    def read(self, shard_id: str, records: Sequence[EventRecord]) -> None: ...

    def ages(self, seconds: Iterable[float], now: float) -> None: ...

    def delivered(self, batch: Sequence[EventRecord], sent_at: float) -> None: ...

    def failed(self, records: int) -> None: ...

    def ended(self, ending: Ending, records: int) -> None: ...

    def send(self, now: float, *, everything: bool = False) -> None: ...


class MappingMetrics(MetricSender):
    """The metrics of one mapping and its stream."""

    def __init__(
        self, mapping: Mapping, cloudwatch: CloudWatchClient, on_problem: Callable[[str], None]
    ) -> None:
        super().__init__(cloudwatch, on_problem)
        self._stream = ("StreamName", mapping.stream_name)
        self._function = (("FunctionName", mapping.function_name),)
        self._mapping = (("EventSourceMappingUUID", mapping.id),)
        self._counts_events = mapping.counts_events
        self._table = (
            ("Operation", "GetRecords"),
            ("StreamLabel", mapping.stream_name),
            ("TableName", mapping.table_name),
        )
        self._reads_table = bool(mapping.table_name)
        self._age = Series(
            "AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "Milliseconds", (self._stream,)
        )
        if consumer := consumer_of(mapping.consumer_arn):
            by = (self._stream, ("ConsumerName", consumer))
            behind = "SubscribeToShardEvent.MillisBehindLatest"
            self._age = Series("AWS/Kinesis", behind, "Milliseconds", by)

    def read(self, shard_id: str, records: Sequence[EventRecord]) -> None:
        """Records of a shard were read."""
        self._count("PolledEventCount", len(records))
        if self._reads_table:
            now, size = time.time(), sum(record.size for record in records)
            self.add(Series("AWS/DynamoDB", "ReturnedRecordsCount", "Count", self._table), len(records), now)
            self.add(Series("AWS/DynamoDB", "ReturnedBytes", "Bytes", self._table), size, now)
            return
        counts: Counter[float] = Counter()
        sizes: Counter[float] = Counter()
        for record in records:
            counts[_minute_of(record.arrived_at)] += 1
            sizes[_minute_of(record.arrived_at)] += record.size
        for by in ((self._stream,), (self._stream, ("ShardId", shard_id))):
            for minute in counts:
                self.add(Series("AWS/Kinesis", "IncomingRecords", "Count", by), counts[minute], minute)
                self.add(Series("AWS/Kinesis", "IncomingBytes", "Bytes", by), sizes[minute], minute)

    def ages(self, seconds: Iterable[float], now: float) -> None:
        """Record the age of the oldest record that was read and is not done, for each shard being read.

        On AWS it is the age of a call's last record. Lambda reads no further than it delivers, so both
        measure how far the function is behind. A DynamoDB stream has no such metric.
        """
        read = list(seconds)
        for age in read if not self._reads_table else ():
            self.add(self._age, age * 1000, now)
        if read:
            # AWS publishes 0 while there are none.
            self._count("PolledEventCount", 0)

    def delivered(self, batch: Sequence[EventRecord], sent_at: float) -> None:
        """The function ran with `batch`, which was sent at that time."""
        age = max(0.0, (sent_at - batch[-1].arrived_at) * 1000)
        self.add(Series("AWS/Lambda", "IteratorAge", "Milliseconds", self._function), age, sent_at)
        self._count("InvokedEventCount", len(batch))

    def failed(self, records: int) -> None:
        """Count records of a batch that will be retried or go to the destination."""
        self._count("FailedInvokeEventCount", records)

    def ended(self, ending: Ending, records: int) -> None:
        """Count discarded records."""
        # AWS counts records that reached no destination as dropped.
        delivered = ending == "delivered"
        self._count("OnFailureDestinationDeliveredEventCount" if delivered else "DroppedEventCount", records)
        if ending == "lost":
            failures = Series("AWS/Lambda", "DestinationDeliveryFailures", "Count", self._function)
            self.add(failures, 1, time.time())

    def _count(self, name: str, records: int) -> None:
        if self._counts_events:
            self.add(Series("AWS/Lambda", name, "Count", self._mapping), records, time.time())


def _minute_of(at: float) -> int:
    """The beginning of the minute of `at`; both in seconds since the epoch."""
    return int(at // _MINUTE) * _MINUTE


def _datum(series: Series, minute: int, values: _Values) -> MetricDatumTypeDef:
    return {
        "MetricName": series.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
        "Timestamp": datetime.fromtimestamp(minute, UTC),
        "Unit": series.unit,
        "StatisticValues": {
            "SampleCount": values.count,
            "Sum": values.total,
            "Minimum": values.least,
            "Maximum": values.most,
        },
    }
