"""The input and the result of a simulation: traffic curve, outages, deployment, and outcome."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from orderstream.capacity.demand import Demand, Options
from orderstream.capacity.function import poll_seconds, seconds_of
from orderstream.capacity.plan import CapacityPlan, record_age_seconds
from orderstream.capacity.recovery import reads_per_shard, table_writes
from orderstream.capacity.reference_data import ReferenceData
from orderstream.capacity.stream import shards_per_order


@dataclass(frozen=True)
class Curve:
    """Orders a second over time. Each of `rates` applies from its second on, the last also after `end`.

    `seconds` start at 0 and increase. There is at least one rate.
    """

    seconds: tuple[float, ...]
    rates: tuple[float, ...]
    end: float

    def at(self, second: float) -> float:
        """Orders a second at `second`; after the end, the last rate."""
        return self.rates[max(0, bisect_right(self.seconds, second) - 1)]

    def orders(self, begin: float, end: float) -> float:
        """How many orders arrive from second `begin` to second `end`."""
        first = max(0, bisect_right(self.seconds, begin) - 1)
        count, at = 0.0, begin
        for number in range(first, len(self.seconds)):
            until = self.seconds[number + 1] if number + 1 < len(self.seconds) else end
            until = min(until, end)
            if until > at:
                count += (until - at) * self.rates[number]
                at = until
            if at >= end:
                break
        return count

    @property
    def average(self) -> float:
        """The average rate over the whole curve, in orders a second."""
        return self.orders(0, self.end) / self.end

    @property
    def peak(self) -> float:
        """The highest rate, in orders a second."""
        return max(self.rates)


@dataclass(frozen=True)
class Outage:
    """Every invocation fails for `seconds` seconds from second `begin` on."""

    begin: float
    seconds: float


@dataclass(frozen=True)
class SimulationSettings:
    """What the simulation needs of a plan: rates in orders a second, `concurrency` in invocations.

    `seconds_of` returns the duration of an invocation with a number of orders.
    """

    shards: int
    lanes_per_shard: int
    batch_size: int
    window_seconds: float
    poll_seconds: float
    shard_in: float
    shard_out: float
    table: float
    concurrency: int
    retention_seconds: float
    maximum_age_seconds: float
    seconds_of: Callable[[int], float]


@dataclass(frozen=True)
class BacklogSample:
    """At one second: arriving orders a second, orders not done, age of the oldest, held by producers."""

    second: float
    rate: float
    backlog: float
    oldest_seconds: float
    held: float


@dataclass(frozen=True)
class SimulationResult:
    """The outcome of a simulation, in orders, invocations, and seconds from the start of the curve.

    `backlog` is the number of orders in the stream that are not done; `held` those that producers could not
    put because shards were full. Processing is behind while the oldest order is older than
    `ordinary_seconds`: first at `behind_from`, finally until `caught_up_at` (None: never, or not before the
    end). Orders older than the retention are `lost`; those older than the mapping's maximum age are
    `discarded`, and stored whole in a bucket. `to_spare_seconds` is the minimum time left to the retention.
    `discarded_from` and `lost_from` are when the first order was discarded or lost or, at the rate of the
    end, will be (None: none). `throttled` counts invocations that AWS rejected. `shards_simulated` is the
    number of shards that represent all.
    """

    seconds: float
    shards_simulated: int
    orders: float
    done: float
    lost: float
    discarded: float
    most_backlog: float
    most_backlog_at: float
    most_held: float
    oldest_seconds: float
    oldest_at: float
    ordinary_seconds: float
    behind_from: float | None
    caught_up_at: float | None
    to_spare_seconds: float
    discarded_from: float | None
    lost_from: float | None
    invocations: float
    failed: float
    throttled: float
    orders_per_batch: float
    most_running: float
    points: tuple[BacklogSample, ...]


def simulation_settings(
    of: CapacityPlan, demand: Demand, choices: Options, figures: ReferenceData
) -> SimulationSettings:
    """The plan's settings, with the quotas that it requests."""
    asked = [one.ask for one in of.quotas if one.unit == "executions"]
    concurrency = max([figures.limits.lambda_.concurrency, *asked])
    table = of.sizing.table
    return SimulationSettings(
        shards=of.sizing.stream.shards,
        lanes_per_shard=of.sizing.function.parallelization_factor,
        batch_size=of.sizing.function.batch_size,
        window_seconds=float(choices.window_seconds),
        poll_seconds=float(poll_seconds(choices, figures)),
        shard_in=float(1 / shards_per_order(demand.size, figures)),
        shard_out=float(reads_per_shard(demand, choices, figures)),
        table=float(table_writes(table, choices, figures) / table.units_per_order),
        concurrency=concurrency,
        retention_seconds=choices.retention_hours * 3600.0,
        maximum_age_seconds=float(record_age_seconds(choices.retention_hours)),
        seconds_of=_duration(demand, choices, figures),
    )


def _duration(demand: Demand, choices: Options, figures: ReferenceData) -> Callable[[int], float]:
    """`seconds_of` plus the gap between batches, in floats, cached: a simulation calls it a million times."""
    between = figures.measured.function.between_ms / 1000

    @lru_cache(maxsize=100_000)
    def seconds(orders: int) -> float:
        return float(seconds_of(Decimal(orders), demand.size, choices.layout, figures) + between)

    return seconds
