"""Size the change feed: its stream, the function that announces changes, and the pipe to an event bus."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from orderstream.capacity.demand import Mode, PlanInput
from orderstream.capacity.function import ceiling, processor_share
from orderstream.capacity.prices import SECONDS_A_MONTH
from orderstream.capacity.storage import TableSizing, event_units_read
from orderstream.capacity.stream import stream_dollars
from orderstream.domain.order import MAX_BYTES


@dataclass(frozen=True)
class FeedSizing:
    """The change feed of a plan. A version is announced for each order and for each of its events.

    `announcement_bytes` is the mean of those. `shards` of its stream handle the peak with headroom (0: on
    demand). `versions_per_batch` and `seconds_per_batch` are of the function at the average rate,
    `batches_per_second` over all shards of the table's stream. `reads_per_order` are read units. `dollars`
    are the stream's a month; `requests_a_month` is what the pipe and the event bus each bill (0: no bus).
    """

    versions_per_order: Decimal
    announcement_bytes: Decimal
    shards: int
    dollars: Decimal
    versions_per_batch: Decimal
    seconds_per_batch: Decimal
    batches_per_second: Decimal
    reads_per_order: Decimal
    requests_a_month: Decimal


def announced(given: PlanInput) -> PlanInput:
    """The input with announcements instead of orders and events: what the stream of changes gets."""
    one, demand = given.figures.feed, given.demand
    of_order = one.announcement + ceiling(one.announcement_per_byte * demand.size)
    size = min(of_order, MAX_BYTES)
    event_size = min(of_order + one.announcement_of_event, MAX_BYTES)
    return replace(given, demand=replace(demand, size=size, event_size=event_size))


def feed(mode: Mode, table: TableSizing, given: PlanInput) -> FeedSizing | None:
    """The change feed for a demand; None without one."""
    if not given.options.feed:
        return None
    of_stream = announced(given)
    needed = max(1, ceiling(of_stream.wanted * of_stream.shards_per_order))
    versions = given.records_per_order
    in_batch, seconds, batches = _load(table, given)
    chunk = Decimal(given.figures.eventbridge_prices.chunk_bytes)
    requests = given.demand.rate * SECONDS_A_MONTH * of_stream.with_events(lambda size: ceiling(size / chunk))
    return FeedSizing(
        versions_per_order=versions,
        announcement_bytes=of_stream.bytes_per_order / versions - given.figures.bytes.key,
        shards=needed if mode == "shards" else 0,
        dollars=stream_dollars(mode, needed, of_stream, replace(given.options, fan_out=False)),
        versions_per_batch=in_batch,
        seconds_per_batch=seconds,
        batches_per_second=batches,
        reads_per_order=given.demand.events * event_units_read(given),
        requests_a_month=requests if given.options.event_bus else Decimal(0),
    )


def _load(table: TableSizing, given: PlanInput) -> tuple[Decimal, Decimal, Decimal]:
    """Versions in a batch, seconds of a batch, batches a second.

    Each partition of the table is a shard of its stream, which Lambda polls. What arrives until the next
    poll, or while a batch is announced, is the next batch.
    """
    one, limit = given.figures.feed, given.figures.dynamodb_limits
    shards = max(table.partitions, limit.new_table_writes // limit.partition_writes)
    rate = given.demand.rate * given.records_per_order
    in_batch = Decimal(1)
    for _ in range(100):
        seconds = _seconds(in_batch, given)
        larger = min(Decimal(one.batch_size), max(Decimal(1), rate / shards * max(one.poll_seconds, seconds)))
        if larger - in_batch < Decimal("0.5"):
            break
        in_batch = larger
    return in_batch, _seconds(in_batch, given), rate / in_batch


def _seconds(versions: Decimal, given: PlanInput) -> Decimal:
    """The duration of an invocation with so many versions, of orders and events as in the demand."""
    one, function = given.figures.feed, given.figures.function
    orders = versions / given.records_per_order
    events = versions - orders
    busy = function.batch_ms + (orders * one.order_us + events * one.event_us) / 1000
    waits = ceiling(events / function.threads) * function.table_ms
    waits += ceiling(versions / one.versions_per_call) * one.call_ms
    return (busy / processor_share(given) + waits) / 1000
