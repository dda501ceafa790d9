"""The metrics behind a status, and calculations on their minutes. Pure: time and responses are passed in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from orderstream.aws.metrics import MINUTE, Metric
from orderstream.pending.lambda_handler import GAP, WAITING
from orderstream.pipeline.telemetry import LATENCY, NAMESPACE, REVENUE

FIVE_MINUTES = 5 * MINUTE
# How far back minutes are read: a metric costs the same, however many are read. An older backlog takes
# another request.
WINDOW = 60 * MINUTE
# The longest it takes until CloudWatch has a minute of Kinesis.
_SETTLING = 3 * MINUTE

# The values of a metric by minute, in seconds since the epoch.
Minutes = Mapping[int, float]
NOTHING: Minutes = {}


@dataclass(frozen=True, slots=True)
class MetricDimensions:
    """The dimension values of a stack's metrics; `consumer` is "" if the stream is polled."""

    stack: str
    stream: str
    function: str
    mapping: str
    consumer: str = ""


@dataclass(frozen=True, slots=True)
class Rates:
    """A figure over the last minute and over the last five."""

    last_minute: float
    five_minutes: float


def metrics_of(names: MetricDimensions) -> dict[str, Metric]:
    """The metrics of a stack, by their names in a status."""
    stream = (("StreamName", names.stream),)
    function = (("FunctionName", names.function),)
    mapping = (("EventSourceMappingUUID", names.mapping),)
    stack = (("Stack", names.stack),)
    age = Metric("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", stream, "Maximum")
    if names.consumer:
        by = (*stream, ("ConsumerName", names.consumer))
        age = Metric("AWS/Kinesis", "SubscribeToShardEvent.MillisBehindLatest", by, "Maximum")
    return {
        "records": Metric("AWS/Kinesis", "IncomingRecords", stream),
        "bytes": Metric("AWS/Kinesis", "IncomingBytes", stream),
        "throttled_puts": Metric("AWS/Kinesis", "WriteProvisionedThroughputExceeded", stream),
        "age": age,
        "age_at_function": Metric("AWS/Lambda", "IteratorAge", function, "Maximum"),
        "invocations": Metric("AWS/Lambda", "Invocations", function),
        "errors": Metric("AWS/Lambda", "Errors", function),
        "throttles": Metric("AWS/Lambda", "Throttles", function),
        "discarded": Metric("AWS/Lambda", "OnFailureDestinationDeliveredEventCount", mapping),
        "dropped": Metric("AWS/Lambda", "DroppedEventCount", mapping),
        "stored": Metric(NAMESPACE, "Stored", stack),
        "events": Metric(NAMESPACE, "Events", stack),
        "duplicates": Metric(NAMESPACE, "Duplicates", stack),
        "conflicts": Metric(NAMESPACE, "Conflicts", stack),
        "invalid": Metric(NAMESPACE, "Invalid", stack),
        "failed": Metric(NAMESPACE, "Failed", stack),
        "forbidden": Metric(NAMESPACE, "Forbidden", stack),
        "events_waiting": Metric(NAMESPACE, WAITING, stack, "Maximum"),
        "sequence_gap": Metric(NAMESPACE, GAP, stack, "Maximum"),
        "latency_p50": Metric(NAMESPACE, LATENCY, stack, "p50"),
        "latency_p99": Metric(NAMESPACE, LATENCY, stack, "p99"),
    }


def metrics_of_shard(names: MetricDimensions, shard_id: str) -> tuple[Metric, Metric]:
    """Records and bytes of a shard; available if the parameter ShardMetrics is set."""
    shard = (("StreamName", names.stream), ("ShardId", shard_id))
    return (
        Metric("AWS/Kinesis", "IncomingRecords", shard),
        Metric("AWS/Kinesis", "IncomingBytes", shard),
    )


def revenue_of(names: MetricDimensions, currency: str) -> Metric:
    """The amounts of stored orders in a currency."""
    return Metric(NAMESPACE, REVENUE, (("Stack", names.stack), ("Currency", currency)))


def complete_until(now: float, *series: Minutes) -> int:
    """The time up to which the figures are complete at `now`, in seconds since the epoch.

    CloudWatch receives a minute of Kinesis some time after it ends; including that delay would make every
    rate too low. So this is the end of the newest minute in any of the `series`; `now` if that is the current
    minute; or the last full minute if there is none in the last three.
    """
    minute = int(now // MINUTE) * MINUTE
    newest = max((at for one in series for at in one if at <= minute), default=0)
    if newest == minute:
        return int(now)
    return newest + MINUTE if newest >= minute - _SETTLING else minute


def total_between(sums: Minutes, since: float, until: float, period: int = MINUTE) -> float:
    """The total from `since` to `until`, from sums by period; one that began before counts in part."""
    total = 0.0
    for at, value in sums.items():
        # All of a current period came before `until`.
        end = min(at + period, until)
        if end > max(at, since):
            total += value * (end - max(at, since)) / (end - at)
    return total


def summed(minutes: Minutes, until: int) -> Rates:
    """The totals."""
    return Rates(*(total_between(minutes, until - seconds, until) for seconds in (MINUTE, FIVE_MINUTES)))


def counted(minutes: Minutes, until: int) -> Rates:
    """The totals rounded up, so that a rare event counts as one rather than none."""
    sums = summed(minutes, until)
    return Rates(math.ceil(sums.last_minute), math.ceil(sums.five_minutes))


def per_second(minutes: Minutes, until: int) -> Rates:
    """The rates per second."""
    sums = summed(minutes, until)
    return Rates(sums.last_minute / MINUTE, sums.five_minutes / FIVE_MINUTES)


def latest(minutes: Minutes, until: int, seconds: int = FIVE_MINUTES) -> float | None:
    """The value of the newest of the minutes in the last `seconds`, None if there is none."""
    recent = [at for at in minutes if until - seconds - MINUTE < at < until]
    return minutes[max(recent)] if recent else None


def highest(minutes: Minutes, until: int) -> float | None:
    """The highest value of the last five minutes, None if there is none."""
    return max((value for at, value in minutes.items() if until - FIVE_MINUTES <= at < until), default=None)
