"""Which metrics a status is made of, and what their minutes come to. Pure: time and answers are passed in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from orderstream.aws.metrics import MINUTE, Metric
from orderstream.pipeline.telemetry import LATENCY, NAMESPACE, REVENUE

FIVE_MINUTES = 5 * MINUTE
# How far back minutes are asked for: a metric costs the same, however many are read. What waits longer than
# that takes a further question.
WINDOW = 60 * MINUTE
# So long it takes at most until CloudWatch has a minute of Kinesis.
_SETTLING = 3 * MINUTE

# The values of a metric by the minute in which they were, in seconds since the epoch.
Minutes = Mapping[int, float]
NOTHING: Minutes = {}


@dataclass(frozen=True, slots=True)
class MetricDimensions:
    """What the metrics of a stack are filed under; `consumer` is "" where the stream is polled."""

    stack: str
    stream: str
    function: str
    mapping: str
    consumer: str = ""


@dataclass(frozen=True, slots=True)
class Rates:
    """The same figure over the last minute and over the last five."""

    last_minute: float
    five_minutes: float


def metrics_of(names: MetricDimensions) -> dict[str, Metric]:
    """The metrics of a stack, by what a status calls them."""
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
        "given_up": Metric("AWS/Lambda", "OnFailureDestinationDeliveredEventCount", mapping),
        "dropped": Metric("AWS/Lambda", "DroppedEventCount", mapping),
        "stored": Metric(NAMESPACE, "Stored", stack),
        "duplicates": Metric(NAMESPACE, "Duplicates", stack),
        "conflicts": Metric(NAMESPACE, "Conflicts", stack),
        "invalid": Metric(NAMESPACE, "Invalid", stack),
        "undone": Metric(NAMESPACE, "Undone", stack),
        "latency_p50": Metric(NAMESPACE, LATENCY, stack, "p50"),
        "latency_p99": Metric(NAMESPACE, LATENCY, stack, "p99"),
    }


def metrics_of_shard(names: MetricDimensions, shard_id: str) -> tuple[Metric, Metric]:
    """Records and bytes of a shard; the stream has them with the parameter ShardMetrics."""
    shard = (("StreamName", names.stream), ("ShardId", shard_id))
    return (
        Metric("AWS/Kinesis", "IncomingRecords", shard),
        Metric("AWS/Kinesis", "IncomingBytes", shard),
    )


def revenue_of(names: MetricDimensions, currency: str) -> Metric:
    """The amounts of the orders that were stored, in a currency."""
    return Metric(NAMESPACE, REVENUE, (("Stack", names.stack), ("Currency", currency)))


def complete_until(now: float, *series: Minutes) -> int:
    """Up to when the figures reach, in seconds since the epoch, at `now`.

    CloudWatch has a minute of Kinesis some time after it is over; to count that time in would make every rate
    too low. So it is the end of the newest minute that one of the `series` has; `now`, if that is the minute
    under way; and the last full one, if there is none in the last three.
    """
    minute = int(now // MINUTE) * MINUTE
    newest = max((at for one in series for at in one if at <= minute), default=0)
    if newest == minute:
        return int(now)
    return newest + MINUTE if newest >= minute - _SETTLING else minute


def total_between(sums: Minutes, since: float, until: float, period: int = MINUTE) -> float:
    """How much came from `since` to `until`, by the sums of periods; of one that began before, a part."""
    total = 0.0
    for at, value in sums.items():
        # Of a period under way, all came before `until`.
        end = min(at + period, until)
        if end > max(at, since):
            total += value * (end - max(at, since)) / (end - at)
    return total


def summed(minutes: Minutes, until: int) -> Rates:
    """How much in all."""
    return Rates(*(total_between(minutes, until - seconds, until) for seconds in (MINUTE, FIVE_MINUTES)))


def counted(minutes: Minutes, until: int) -> Rates:
    """How many; of what was rare, one rather than none."""
    sums = summed(minutes, until)
    return Rates(math.ceil(sums.last_minute), math.ceil(sums.five_minutes))


def per_second(minutes: Minutes, until: int) -> Rates:
    """How many a second."""
    sums = summed(minutes, until)
    return Rates(sums.last_minute / MINUTE, sums.five_minutes / FIVE_MINUTES)


def latest(minutes: Minutes, until: int, seconds: int = FIVE_MINUTES) -> float | None:
    """The value of the newest minute of the last `seconds`, None if there is none."""
    recent = [at for at in minutes if until - seconds - MINUTE < at < until]
    return minutes[max(recent)] if recent else None


def highest(minutes: Minutes, until: int) -> float | None:
    """The highest of the last five minutes, None if there is none."""
    return max((value for at, value in minutes.items() if until - FIVE_MINUTES <= at < until), default=None)
