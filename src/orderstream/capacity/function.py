"""Size the function: the duration and size of batches, and how many run concurrently."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from orderstream.capacity.demand import PlanInput

# {"Records":[ and ]}
_ENVELOPE_BYTES = 14
# As in template.yaml; the cost per order is hardly higher than with the largest batch.
DEFAULT_BATCH_SIZE = 1000
# A batch may take the timeout divided by this; the rest is reserved for waiting while the table is throttled.
_SHARE_OF_TIMEOUT = 4


@dataclass(frozen=True)
class FunctionLoad:
    """At one rate: orders per batch, seconds per batch, batches a second, concurrent invocations."""

    orders: Decimal
    seconds: Decimal
    batches_per_second: Decimal
    running: Decimal


@dataclass(frozen=True)
class FunctionSizing:
    """Settings of the event source mapping, and the resulting capacity.

    `lanes` is shards × parallelization factor, the maximum number of concurrent batches. `lane_rate` is the
    capacity of one of them, in orders a second. `orders_that_fit` is how many fit into Lambda's 6 MB. In it,
    in `batch_size` and in `event_bytes_per_order`, an event counts as an order.
    """

    parallelization_factor: int
    batch_size: int
    window_seconds: int
    memory_mb: int
    event_bytes_per_order: int
    orders_that_fit: int
    lanes: int
    lane_rate: Decimal
    average: FunctionLoad
    peak: FunctionLoad


def ceiling(number: Decimal) -> int:
    """`number` rounded up to an integer."""
    return int(number.to_integral_value(ROUND_CEILING))


def event_bytes(given: PlanInput) -> int:
    """Bytes of a record in the function's event, with its data as base64; the mean, if orders have events."""
    one, key = given.figures.bytes, given.figures.bytes.key
    whole = given.with_events(lambda size: one.entry + -(-(size - key) // 3) * 4 + 1)
    return ceiling(whole / given.records_per_order)


def orders_that_fit(given: PlanInput) -> int:
    """How many records fit into Lambda's payload."""
    room = given.figures.lambda_limits.payload_bytes - _ENVELOPE_BYTES
    return max(1, room // event_bytes(given))


def seconds_of(orders: Decimal, given: PlanInput) -> Decimal:
    """The duration of an invocation with `orders` orders and as many events as those have, in seconds.

    This is its processor time, divided by the share of a processor that the memory provides, plus the waits:
    for the bucket once (or, with one object per order, in threads for each), and for the tables in threads,
    25 orders per call, and a call and a part of others for each event. No overlap is assumed, to be cautious:
    measurements differ by up to a tenth either way.
    """
    one, event = given.figures.function, given.figures.events
    events = orders * given.demand.events
    busy = one.batch_ms + orders * (one.order_us + one.byte_us * given.demand.size) / 1000
    busy += events * (event.event_us + one.byte_us * given.demand.event_size) / 1000
    puts = one.bucket_ms
    if given.options.layout == "order":
        busy += orders * one.put_ms
        puts = ceiling(orders / one.threads) * one.bucket_ms
    calls = ceiling(orders / one.orders_per_call) + ceiling(events * event.calls)
    waits = puts + ceiling(Decimal(calls) / one.threads) * one.table_ms
    return (busy / processor_share(given) + waits) / 1000


def baseline_seconds(orders: Decimal, given: PlanInput) -> Decimal:
    """The same for a handler that makes a PutItem and a PutObject per order in sequence."""
    one = given.figures.function
    return orders * (one.table_ms + one.bucket_ms + one.tutorial_order_ms / processor_share(given)) / 1000


def processor_share(given: PlanInput) -> Decimal:
    """The share of a processor that the memory of the function provides."""
    one = given.figures.function
    return min(Decimal(1), Decimal(one.memory_mb) / one.mb_per_processor)


def between_seconds(given: PlanInput) -> Decimal:
    """Seconds between two invocations of a lane."""
    return given.figures.function.between_ms / 1000


def most_in_a_batch(given: PlanInput) -> int:
    """The largest useful BatchSize: it fits the payload and AWS's limit, and keeps the timeout's reserve."""
    most = min(given.figures.lambda_limits.batch_size, orders_that_fit(given))
    allowed = Decimal(given.figures.function.timeout_seconds) / _SHARE_OF_TIMEOUT

    def seconds(records: int) -> Decimal:
        return seconds_of(records / given.records_per_order, given)

    return max(1, bisect_right(range(1, most + 1), allowed, key=seconds))


def lane_rate(batch_size: int, given: PlanInput) -> Decimal:
    """Orders a second that one lane processes with full batches, each starting when the last one ends."""
    orders = batch_size / given.records_per_order
    return orders / (seconds_of(orders, given) + between_seconds(given))


def poll_seconds(given: PlanInput) -> Decimal:
    """Seconds until a shard is read again or, with enhanced fan-out, until AWS pushes."""
    if given.options.fan_out:
        return given.figures.kinesis_limits.fan_out_seconds
    return given.figures.lambda_limits.poll_seconds


def load(rate: Decimal, lanes: int, batch_size: int, given: PlanInput) -> FunctionLoad:
    """The size, duration and concurrency of batches at `rate` orders a second over `lanes` lanes.

    A batch collects what arrives in a lane from its first order until the window ends (without one, until the
    shard is read again) or the previous batch is done, whichever is later, but at most `batch_size`.
    """
    in_lane = rate / lanes
    window, poll = given.options.window_seconds, poll_seconds(given)
    # The window starts when its first order is read; half of the time it includes one more read.
    gathered = window + poll / 2 if window else poll
    most, first = batch_size / given.records_per_order, 1 / given.records_per_order
    orders = min(most, first + in_lane * gathered)
    for _ in range(100):
        seconds = seconds_of(orders, given)
        larger = min(most, first + in_lane * max(gathered, seconds + between_seconds(given)))
        if larger - orders < Decimal("0.5"):
            break
        orders = larger
    seconds = seconds_of(orders, given)
    batches = rate / orders
    return FunctionLoad(orders, seconds, batches, min(Decimal(lanes), batches * seconds))


def function(shards: int, shards_at_peak: int, given: PlanInput) -> FunctionSizing:
    """The settings for a stream of `shards`, of which `shards_at_peak` exist when the peak comes.

    The parallelization factor is the lowest with which a shard's lanes can process what it accepts at most,
    or the whole peak with headroom if that is less. The batch size is the template's default, or more if more
    orders arrive within the window at the peak.
    """
    most = most_in_a_batch(given)
    batch_size = min(most, DEFAULT_BATCH_SIZE)
    in_shard = min(given.wanted, 1 / given.shards_per_order)
    factor = ceiling(in_shard / lane_rate(batch_size, given))
    factor = min(max(1, factor), given.figures.lambda_limits.parallelization_factor)
    in_window = given.wanted * given.records_per_order / (shards_at_peak * factor)
    in_window *= given.options.window_seconds
    # Rounded to hundreds: the number is based on a forecast.
    batch_size = min(most, max(batch_size, ceiling(in_window / 100) * 100))
    lanes = shards * factor
    return FunctionSizing(
        parallelization_factor=factor,
        batch_size=batch_size,
        window_seconds=given.options.window_seconds,
        memory_mb=given.figures.function.memory_mb,
        event_bytes_per_order=event_bytes(given),
        orders_that_fit=orders_that_fit(given),
        lanes=lanes,
        lane_rate=lane_rate(batch_size, given),
        average=load(given.demand.rate, lanes, batch_size, given),
        peak=load(given.demand.peak, lanes, batch_size, given),
    )
