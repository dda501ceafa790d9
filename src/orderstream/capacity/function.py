"""The function between stream and table: how long a batch takes, how large it becomes, how many run."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from orderstream.capacity.demand import Demand, Layout, Options
from orderstream.capacity.reference_data import ReferenceData

# {"Records":[ and ]}
_ENVELOPE_BYTES = 14
# What template.yaml has; a batch of so many costs hardly more an order than the largest.
DEFAULT_BATCH_SIZE = 1000
# The rest of an invocation's time is for waiting out a table that is throttled.
_SHARE_OF_TIMEOUT = 4


@dataclass(frozen=True)
class FunctionLoad:
    """At one rate: orders in a batch, seconds that it takes, batches a second, how many run at a time."""

    orders: Decimal
    seconds: Decimal
    batches_per_second: Decimal
    running: Decimal


@dataclass(frozen=True)
class FunctionSizing:
    """Settings of the event source mapping and what they come to.

    `lanes` are shards × parallelization factor: the most that run at a time. `lane_rate` is what one of them
    does at most, in orders a second; `orders_that_fit` what Lambda's 6 MB hold.
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
    """The least whole number that is not below `number`."""
    return int(number.to_integral_value(ROUND_CEILING))


def event_bytes(size: int, figures: ReferenceData) -> int:
    """Bytes of the function's event that an order of `size` bytes takes: its record, its data as base64."""
    return figures.measured.bytes.entry + -(-size // 3) * 4 + 1


def orders_that_fit(size: int, figures: ReferenceData) -> int:
    """How many orders of `size` bytes fit into Lambda's payload."""
    room = figures.limits.lambda_.payload_bytes - _ENVELOPE_BYTES
    return max(1, room // event_bytes(size, figures))


def seconds_of(orders: Decimal, size: int, layout: Layout, figures: ReferenceData) -> Decimal:
    """How long an invocation with so many orders of `size` bytes takes, in seconds.

    Its processor time, stretched by the share of a processor that the memory buys, and then the waits: for
    the bucket once (or, with an object an order, in threads for each), for the table in threads, 25 orders a
    call. That nothing overlaps is the cautious reading: measured is a tenth less to a tenth more.
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
    """The same for a handler that makes a PutItem and a PutObject an order, one after another."""
    one = figures.measured.function
    processor = min(Decimal(1), Decimal(one.memory_mb) / one.mb_per_processor)
    return orders * (one.table_ms + one.bucket_ms + one.tutorial_order_ms / processor) / 1000


def most_in_a_batch(size: int, layout: Layout, figures: ReferenceData) -> int:
    """The largest BatchSize that makes sense: it fits, AWS allows it, the timeout keeps its reserve."""
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
    """Orders a second that one lane does with full batches: the next begins when the last has ended."""
    between = figures.measured.function.between_ms / 1000
    return batch_size / (seconds_of(Decimal(batch_size), size, layout, figures) + between)


def poll_seconds(choices: Options, figures: ReferenceData) -> Decimal:
    """How long until a shard is read again; with fan-out, until AWS pushes."""
    return figures.limits.kinesis.fan_out_seconds if choices.fan_out else figures.limits.lambda_.poll_seconds


def load(
    rate: Decimal, lanes: int, batch_size: int, demand: Demand, choices: Options, figures: ReferenceData
) -> FunctionLoad:
    """What batches become at `rate` orders a second over so many lanes.

    A batch is what comes in a lane from its first order on until the window is over (without one, until the
    shard is read again) or the batch before it is done, whichever is later; and never more than `batch_size`.
    """
    in_lane = rate / lanes
    poll = poll_seconds(choices, figures)
    # The window begins when its first order is read; half of the times it ends after one read more.
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
    """The settings for a stream of `shards`, of which `shards_at_peak` are there when the peak comes.

    The parallelization factor is the least with which a shard's lanes do what it takes in at most
    (`shard_rate`, orders a second), or all there is with headroom if that is less. The batch size is the
    template's default, or more where more comes within the window at the peak.
    """
    most = most_in_a_batch(demand.size, choices.layout, figures)
    batch_size = min(most, DEFAULT_BATCH_SIZE)
    wanted = demand.peak * (1 + choices.headroom)
    factor = ceiling(min(wanted, shard_rate) / lane_rate(batch_size, demand.size, choices.layout, figures))
    factor = min(max(1, factor), figures.limits.lambda_.parallelization_factor)
    in_window = wanted / (shards_at_peak * factor) * choices.window_seconds
    # Two digits are enough of a number that rests on a forecast.
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
