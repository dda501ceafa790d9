"""Size the function: the duration and size of batches, and how many run concurrently."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from orderstream.capacity.demand import Demand, Layout, Options
from orderstream.capacity.reference_data import ReferenceData

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
    capacity of one of them, in orders a second; `orders_that_fit` is how many fit into Lambda's 6 MB.
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


def event_bytes(size: int, figures: ReferenceData) -> int:
    """Bytes in the function's event for an order of `size` bytes: its record, with its data as base64."""
    return figures.measured.bytes.entry + -(-size // 3) * 4 + 1


def orders_that_fit(size: int, figures: ReferenceData) -> int:
    """How many orders of `size` bytes fit into Lambda's payload."""
    room = figures.limits.lambda_.payload_bytes - _ENVELOPE_BYTES
    return max(1, room // event_bytes(size, figures))


def seconds_of(orders: Decimal, size: int, layout: Layout, figures: ReferenceData) -> Decimal:
    """The duration of an invocation with `orders` orders of `size` bytes, in seconds.

    This is its processor time, divided by the share of a processor that the memory provides, plus the waits:
    for the bucket once (or, with one object per order, in threads for each), and for the table in threads, 25
    orders per call. No overlap is assumed, to be cautious: measurements differ by up to a tenth either way.
    """
    one = figures.measured.function
    processor = min(Decimal(1), Decimal(one.memory_mb) / one.mb_per_processor)
    busy = one.batch_ms + orders * (one.order_us + one.byte_us * size) / 1000
    puts = one.bucket_ms
    if layout == "order":
        busy += orders * one.put_ms
        puts = ceiling(orders / one.threads) * one.bucket_ms
    calls = ceiling(orders / one.orders_per_call)
    waits = puts + ceiling(Decimal(calls) / one.threads) * one.table_ms
    return (busy / processor + waits) / 1000


def baseline_seconds(orders: Decimal, figures: ReferenceData) -> Decimal:
    """The same for a handler that makes a PutItem and a PutObject per order in sequence."""
    one = figures.measured.function
    processor = min(Decimal(1), Decimal(one.memory_mb) / one.mb_per_processor)
    return orders * (one.table_ms + one.bucket_ms + one.tutorial_order_ms / processor) / 1000


def most_in_a_batch(size: int, layout: Layout, figures: ReferenceData) -> int:
    """The largest useful BatchSize: it fits the payload and AWS's limit, and keeps the timeout's reserve."""
    low, high = 1, min(figures.limits.lambda_.batch_size, orders_that_fit(size, figures))
    allowed = Decimal(figures.measured.function.timeout_seconds) / _SHARE_OF_TIMEOUT
    while low < high:
        middle = (low + high + 1) // 2
        if seconds_of(Decimal(middle), size, layout, figures) <= allowed:
            low = middle
        else:
            high = middle - 1
    return low


def lane_rate(batch_size: int, size: int, layout: Layout, figures: ReferenceData) -> Decimal:
    """Orders a second that one lane processes with full batches, each starting when the last one ends."""
    between = figures.measured.function.between_ms / 1000
    return batch_size / (seconds_of(Decimal(batch_size), size, layout, figures) + between)


def poll_seconds(choices: Options, figures: ReferenceData) -> Decimal:
    """Seconds until a shard is read again or, with enhanced fan-out, until AWS pushes."""
    return figures.limits.kinesis.fan_out_seconds if choices.fan_out else figures.limits.lambda_.poll_seconds


def load(
    rate: Decimal, lanes: int, batch_size: int, demand: Demand, choices: Options, figures: ReferenceData
) -> FunctionLoad:
    """The size, duration and concurrency of batches at `rate` orders a second over `lanes` lanes.

    A batch collects what arrives in a lane from its first order until the window ends (without one, until the
    shard is read again) or the previous batch is done, whichever is later, but at most `batch_size`.
    """
    in_lane = rate / lanes
    poll = poll_seconds(choices, figures)
    # The window starts when its first order is read; half of the time it includes one more read.
    gathered = choices.window_seconds + poll / 2 if choices.window_seconds else poll
    between = figures.measured.function.between_ms / 1000
    most = Decimal(batch_size)
    orders = min(most, 1 + in_lane * gathered)
    for _ in range(100):
        seconds = seconds_of(orders, demand.size, choices.layout, figures)
        larger = min(most, 1 + in_lane * max(gathered, seconds + between))
        if larger - orders < Decimal("0.5"):
            break
        orders = larger
    seconds = seconds_of(orders, demand.size, choices.layout, figures)
    batches = rate / orders
    return FunctionLoad(orders, seconds, batches, min(Decimal(lanes), batches * seconds))


def function(
    shards: int,
    shards_at_peak: int,
    shard_rate: Decimal,
    demand: Demand,
    choices: Options,
    figures: ReferenceData,
) -> FunctionSizing:
    """The settings for a stream of `shards`, of which `shards_at_peak` exist when the peak comes.

    The parallelization factor is the lowest with which a shard's lanes can process what it accepts at most
    (`shard_rate`, orders a second), or the whole peak with headroom if that is less. The batch size is the
    template's default, or more if more orders arrive within the window at the peak.
    """
    most = most_in_a_batch(demand.size, choices.layout, figures)
    batch_size = min(most, DEFAULT_BATCH_SIZE)
    wanted = demand.peak * (1 + choices.headroom)
    factor = ceiling(min(wanted, shard_rate) / lane_rate(batch_size, demand.size, choices.layout, figures))
    factor = min(max(1, factor), figures.limits.lambda_.parallelization_factor)
    in_window = wanted / (shards_at_peak * factor) * choices.window_seconds
    # Rounded to hundreds: the number is based on a forecast.
    batch_size = min(most, max(batch_size, ceiling(in_window / 100) * 100))
    lanes = shards * factor
    return FunctionSizing(
        parallelization_factor=factor,
        batch_size=batch_size,
        window_seconds=choices.window_seconds,
        memory_mb=figures.measured.function.memory_mb,
        event_bytes_per_order=event_bytes(demand.size, figures),
        orders_that_fit=orders_that_fit(demand.size, figures),
        lanes=lanes,
        lane_rate=lane_rate(batch_size, demand.size, choices.layout, figures),
        average=load(demand.rate, lanes, batch_size, demand, choices, figures),
        peak=load(demand.peak, lanes, batch_size, demand, choices, figures),
    )
