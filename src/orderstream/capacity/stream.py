"""Size the stream: the number of shards, and the cost of each mode."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from orderstream.capacity.demand import Demand, Mode, Options
from orderstream.capacity.function import DEFAULT_BATCH_SIZE, ceiling, lane_rate, most_in_a_batch
from orderstream.capacity.reference_data import GB, HOURS_A_MONTH, KB, MB, SECONDS_A_MONTH, ReferenceData

# Hours of retention included in the price of a shard-hour or stream-hour, and where long-term prices start.
_RETENTION_WITHIN = 24
_RETENTION_EXTENDED = 7 * 24


@dataclass(frozen=True)
class Costs:
    """The cost of a stream in dollars a month: linear in shards and in the average rate.

    `fixed` + `each_shard` × shards + `each_order` × orders a second.
    """

    fixed: Decimal
    each_shard: Decimal
    each_order: Decimal

    def at(self, rate: Decimal, shards: int) -> Decimal:
        """Dollars a month at `rate` orders a second on `shards` shards."""
        return self.fixed + self.each_shard * shards + self.each_order * rate


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


def record_bytes(size: int, figures: ReferenceData) -> int:
    """Bytes of an order on the stream: its data and its partition key."""
    return size + figures.measured.bytes.key


def shards_per_order(size: int, figures: ReferenceData) -> Decimal:
    """The share of a shard that one order a second takes: of its records or bytes, whichever is more."""
    limit = figures.limits.kinesis
    records = Decimal(1) / limit.shard_in_records
    return max(records, Decimal(record_bytes(size, figures)) / limit.shard_in_bytes)


def shards_for(rate: Decimal, size: int, figures: ReferenceData) -> int:
    """How many shards accept `rate` orders of `size` bytes a second, without headroom."""
    return max(1, ceiling(rate * shards_per_order(size, figures)))


def shards_per_order_with_lanes(demand: Demand, choices: Options, figures: ReferenceData) -> Decimal:
    """As `shards_per_order`, but also considering lanes: a shard has at most ten."""
    most = min(DEFAULT_BATCH_SIZE, most_in_a_batch(demand.size, choices.layout, figures))
    a_lane = lane_rate(most, demand.size, choices.layout, figures)
    by_lanes = 1 / (a_lane * figures.limits.lambda_.parallelization_factor)
    return max(shards_per_order(demand.size, figures), by_lanes)


def costs(mode: Mode, demand: Demand, choices: Options, figures: ReferenceData) -> Costs:
    """The cost of a stream in this mode, in US dollars a month, with its retention and fan-out."""
    price = figures.prices.kinesis
    size = record_bytes(demand.size, figures)
    gigabytes = Decimal(size) * SECONDS_A_MONTH / GB
    late = max(0, choices.retention_hours - _RETENTION_EXTENDED)
    kept = Decimal(size) * late * 3600 / GB * price.long_term_gb_month
    if mode == "shards":
        hour = price.shard_hour
        if choices.retention_hours > _RETENTION_WITHIN:
            hour += price.extended_shard_hour
        if choices.fan_out:
            hour += price.consumer_shard_hour
            kept += gigabytes * price.provisioned_fan_out_gb
        units = -(-size // figures.limits.kinesis.put_unit_bytes)
        puts = SECONDS_A_MONTH * units * price.put_unit_million / 1_000_000
        return Costs(Decimal(0), hour * HOURS_A_MONTH, puts + kept)
    whole = Decimal(-(-size // KB) * KB) * SECONDS_A_MONTH / GB
    read = price.fan_out_gb if choices.fan_out else price.retrieved_gb
    extended = max(0, min(choices.retention_hours, _RETENTION_EXTENDED) - _RETENTION_WITHIN)
    kept += Decimal(size) * extended * 3600 / GB * price.extended_gb_month
    each = whole * price.ingested_gb + gigabytes * read + kept
    return Costs(price.stream_hour * HOURS_A_MONTH, Decimal(0), each)


def advantage_dollars(demand: Demand, choices: Options, figures: ReferenceData) -> Decimal:
    """The cost in an account with On-demand Advantage and no other stream, in US dollars a month."""
    price = figures.prices.kinesis_advantage
    size = record_bytes(demand.size, figures)
    least = price.least_mb_second * MB * SECONDS_A_MONTH / GB
    came = max(least, demand.rate * -(-size // KB) * KB * SECONDS_A_MONTH / GB)
    went = max(least, demand.rate * size * SECONDS_A_MONTH / GB)
    kept = demand.rate * size * max(0, choices.retention_hours - _RETENTION_WITHIN) * 3600 / GB
    return came * price.ingested_gb + went * price.retrieved_gb + kept * price.extended_gb_month


def stream(mode: Mode, demand: Demand, choices: Options, figures: ReferenceData) -> StreamSizing:
    """The stream for a demand in this mode."""
    limit = figures.limits.kinesis
    wanted = demand.peak * (1 + choices.headroom)
    needed = max(1, ceiling(wanted * shards_per_order_with_lanes(demand, choices, figures)))
    at_peak = shards = needed
    warm = 0
    if mode == "on-demand":
        # Each warmed MiB a second includes a thousand records a second, like a shard.
        warm = shards_for(wanted, demand.size, figures)
        warm = warm if warm > limit.on_demand_shards else 0
        at_peak = max(limit.on_demand_shards, shards_for(demand.peak, demand.size, figures))
        shards = max(
            limit.on_demand_shards, limit.on_demand_growth * shards_for(demand.peak, demand.size, figures)
        )
    size = record_bytes(demand.size, figures)

    def dollars(wished: Options) -> Decimal:
        return costs(mode, demand, wished, figures).at(demand.rate, needed)

    plain = dollars(replace(choices, fan_out=False))
    return StreamSizing(
        mode=mode,
        shards=shards,
        shards_needed=needed,
        shards_at_peak=at_peak,
        limited_by=_limit(demand, choices, figures),
        shards_aggregated=max(1, ceiling(wanted * size / limit.shard_in_bytes)),
        peak_bytes_per_second=demand.peak * size,
        warm_mib=warm,
        dollars=dollars(choices),
        fan_out_dollars=dollars(replace(choices, fan_out=True)) - plain,
        retention_dollars=dollars(choices) - dollars(replace(choices, retention_hours=_RETENTION_WITHIN)),
        advantage_dollars=advantage_dollars(demand, choices, figures),
    )


def _limit(demand: Demand, choices: Options, figures: ReferenceData) -> Literal["records", "bytes", "lanes"]:
    by_stream = shards_per_order(demand.size, figures)
    if shards_per_order_with_lanes(demand, choices, figures) > by_stream:
        return "lanes"
    return "records" if by_stream * figures.limits.kinesis.shard_in_records == 1 else "bytes"
