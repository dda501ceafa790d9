"""The input and the result of a simulation: traffic curve, outages, deployment, and outcome."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

from orderstream.capacity.demand import PlanInput
from orderstream.capacity.function import between_seconds, poll_seconds, seconds_of
from orderstream.capacity.parameters import record_age_seconds
from orderstream.capacity.plan import reads_per_shard, table_rate
from orderstream.capacity.sizing import Sizing


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
        last = bisect_left(self.seconds, end, first + 1)
        edges = (begin, *self.seconds[first + 1 : last], end)
        parts = zip(pairwise(edges), self.rates[first:last], strict=True)
        return sum((until - since) * rate for (since, until), rate in parts)

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

    Orders come with their events: `batch_size` is in such orders, of which all records are in one batch.
    `seconds_of` returns the duration of an invocation with a number of orders; `between_seconds` pass until
    the next one of the same lane.
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
    between_seconds: float
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


def simulation_settings(of: Sizing, given: PlanInput) -> SimulationSettings:
    """The settings of a sizing, with the quotas that its plan requests: all lanes may run at once."""

    # A simulation calls it a million times.
    @lru_cache(maxsize=100_000)
    def seconds(orders: int) -> float:
        return float(seconds_of(Decimal(orders), given))

    return SimulationSettings(
        shards=of.stream.shards,
        lanes_per_shard=of.function.parallelization_factor,
        batch_size=max(1, int(of.function.batch_size / given.records_per_order)),
        window_seconds=float(given.options.window_seconds),
        poll_seconds=float(poll_seconds(given)),
        shard_in=float(1 / given.shards_per_order),
        shard_out=float(reads_per_shard(given)),
        table=float(table_rate(of.table, given)),
        concurrency=max(given.figures.lambda_limits.concurrency, of.function.lanes),
        retention_seconds=given.options.retention_hours * 3600.0,
        maximum_age_seconds=float(record_age_seconds(given.options.retention_hours)),
        between_seconds=float(between_seconds(given)),
        seconds_of=seconds,
    )
