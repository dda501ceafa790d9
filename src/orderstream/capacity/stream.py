"""Size the stream: the number of shards, and the cost of each mode."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from orderstream.capacity.demand import Mode, Options, PlanInput
from orderstream.capacity.function import DEFAULT_BATCH_SIZE, ceiling, lane_rate, most_in_a_batch
from orderstream.capacity.prices import GB, HOURS_A_MONTH, KB, MB, SECONDS_A_MONTH

# Hours of retention included in the price of a shard-hour or stream-hour, and where long-term prices start.
_RETENTION_WITHIN = 24
_RETENTION_EXTENDED = 7 * 24


@dataclass(frozen=True)
class StreamSizing:
    """The stream of a plan. `shards` is the number set, or to which on-demand is expected to scale.

    `shards_needed` handle the peak with headroom; `shards_at_peak` exist when it first comes. `limited_by` is
    what fills a shard; `shards_aggregated` would be enough if the Kinesis Producer Library aggregated the
    orders. To accept the peak at once, an on-demand stream is first warmed to `warm_mib` MiB a second (0: a
    new one accepts it). Dollars are a month: the stream's, what enhanced fan-out adds in this mode (included
    or not), what retention beyond a day adds, and the same stream with On-demand Advantage enabled.
    """

    mode: Mode
    shards: int
    shards_needed: int
    shards_at_peak: int
    limited_by: Literal["records", "bytes", "lanes"]
    shards_aggregated: int
    peak_bytes_per_second: Decimal
    warm_mib: int
    dollars: Decimal
    fan_out_dollars: Decimal
    retention_dollars: Decimal
    advantage_dollars: Decimal


def shards_for(rate: Decimal, given: PlanInput) -> int:
    """How many shards accept `rate` orders a second, without headroom."""
    return max(1, ceiling(rate * given.shards_per_order))


def shards_per_order_with_lanes(given: PlanInput) -> Decimal:
    """As `shards_per_order`, but also considering lanes: a shard has at most ten."""
    a_lane = lane_rate(min(DEFAULT_BATCH_SIZE, most_in_a_batch(given)), given)
    by_lanes = 1 / (a_lane * given.figures.lambda_limits.parallelization_factor)
    return max(given.shards_per_order, by_lanes)


def stream_dollars(mode: Mode, shards: int, given: PlanInput, options: Options | None = None) -> Decimal:
    """The cost of a stream in US dollars a month, with retention and fan-out of the input or of `options`."""
    price, limit = given.figures.kinesis_prices, given.figures.kinesis_limits
    options = options or given.options
    retention, fan_out = options.retention_hours, options.fan_out
    size = given.bytes_per_order
    gigabytes = size * SECONDS_A_MONTH / GB
    late = max(0, retention - _RETENTION_EXTENDED)
    kept = size * late * 3600 / GB * price.long_term_gb_month
    if mode == "shards":
        hour = price.shard_hour
        if retention > _RETENTION_WITHIN:
            hour += price.extended_shard_hour
        if fan_out:
            hour += price.consumer_shard_hour
            kept += gigabytes * price.provisioned_fan_out_gb
        units = given.with_events(lambda size: -(-size // limit.put_unit_bytes))
        puts = SECONDS_A_MONTH * units * price.put_unit_million / 1_000_000
        return hour * HOURS_A_MONTH * shards + (puts + kept) * given.demand.rate
    read = price.fan_out_gb if fan_out else price.retrieved_gb
    extended = max(0, min(retention, _RETENTION_EXTENDED) - _RETENTION_WITHIN)
    kept += size * extended * 3600 / GB * price.extended_gb_month
    each_order = _whole_kilobytes(given) * SECONDS_A_MONTH / GB * price.ingested_gb + gigabytes * read + kept
    return price.stream_hour * HOURS_A_MONTH + each_order * given.demand.rate


def _whole_kilobytes(given: PlanInput) -> Decimal:
    """Bytes of an order that Kinesis bills when it comes in."""
    return given.with_events(lambda size: -(-size // KB) * KB)


def advantage_dollars(given: PlanInput) -> Decimal:
    """The cost in an account with On-demand Advantage and no other stream, in US dollars a month."""
    price, retention = given.figures.advantage_prices, given.options.retention_hours
    least = price.least_mb_second * MB * SECONDS_A_MONTH / GB
    came = max(least, given.orders_a_month * _whole_kilobytes(given) / GB)
    went = max(least, given.orders_a_month * given.bytes_per_order / GB)
    kept = given.demand.rate * given.bytes_per_order * max(0, retention - _RETENTION_WITHIN) * 3600 / GB
    return came * price.ingested_gb + went * price.retrieved_gb + kept * price.extended_gb_month


def aggregated_dollars(of: StreamSizing, given: PlanInput) -> Decimal:
    """The cost of the stream, in US dollars a month, if producers filled each record with orders."""
    price, limit = given.figures.kinesis_prices, given.figures.kinesis_limits
    records = given.orders_a_month * given.bytes_per_order / limit.put_unit_bytes
    if of.mode == "shards":
        units = given.with_events(lambda size: -(-size // limit.put_unit_bytes)) * given.orders_a_month
        plain = stream_dollars("shards", of.shards_aggregated, given)
        return plain - (units - records) * price.put_unit_million / 1_000_000
    gigabytes = given.orders_a_month * (_whole_kilobytes(given) - given.bytes_per_order) / GB
    return of.dollars - gigabytes * price.ingested_gb


def stream(mode: Mode, given: PlanInput) -> StreamSizing:
    """The stream for a demand in this mode."""
    limit, options = given.figures.kinesis_limits, given.options
    peak = given.demand.peak
    per_order = shards_per_order_with_lanes(given)
    needed = max(1, ceiling(given.wanted * per_order))
    at_peak = shards = needed
    warm = 0
    if mode == "on-demand":
        # Each warmed MiB a second includes a thousand records a second, like a shard.
        warm = shards_for(given.wanted, given)
        warm = warm if warm > limit.on_demand_shards else 0
        at_peak = max(limit.on_demand_shards, shards_for(peak, given))
        shards = max(limit.on_demand_shards, limit.on_demand_growth * shards_for(peak, given))

    dollars = stream_dollars(mode, needed, given)
    with_other_fan_out = stream_dollars(mode, needed, given, replace(options, fan_out=not options.fan_out))
    for_a_day = stream_dollars(mode, needed, given, replace(options, retention_hours=_RETENTION_WITHIN))
    return StreamSizing(
        mode=mode,
        shards=shards,
        shards_needed=needed,
        shards_at_peak=at_peak,
        limited_by=_limit(per_order, given),
        shards_aggregated=max(1, ceiling(given.wanted * given.bytes_per_order / limit.shard_in_bytes)),
        peak_bytes_per_second=peak * given.bytes_per_order,
        warm_mib=warm,
        dollars=dollars,
        fan_out_dollars=abs(dollars - with_other_fan_out),
        retention_dollars=dollars - for_a_day,
        advantage_dollars=advantage_dollars(given),
    )


def _limit(per_order: Decimal, given: PlanInput) -> Literal["records", "bytes", "lanes"]:
    if per_order > given.shards_per_order:
        return "lanes"
    by_records = (
        given.shards_per_order * given.figures.kinesis_limits.shard_in_records == given.records_per_order
    )
    return "records" if by_records else "bytes"
