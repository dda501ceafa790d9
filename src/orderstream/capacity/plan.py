"""Plan for expected traffic: the template's parameters, the quotas to request, and a bill."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from orderstream.capacity.bill import baseline
from orderstream.capacity.choices import Cheapest, MonthlyBill, bills, cheapest
from orderstream.capacity.demand import Demand, Options, PlanInput
from orderstream.capacity.idle import IdleCost, idle_cost
from orderstream.capacity.line_items import Bill
from orderstream.capacity.parameters import parameters
from orderstream.capacity.quotas import Quota, quotas
from orderstream.capacity.sizing import Sizing, compute_sizing
from orderstream.capacity.storage import TableSizing, table
from orderstream.capacity.stream_mode import Comparison, compare


@dataclass(frozen=True)
class ReadLatency:
    """Seconds from arrival to stored for the slowest orders, at the average rate and without faults."""

    shared: Decimal
    fan_out: Decimal


@dataclass(frozen=True)
class Customer:
    """The maximum orders a second of one customer, its share of the peak, and what limits it.

    A customer is one partition key of the stream, so its orders all go to one shard and one lane of it. It is
    also one partition key of the index: they go to one partition, and being sorted by time, new orders stay
    together even after a split.
    """

    orders_per_second: Decimal
    share: Decimal
    limited_by: str


@dataclass(frozen=True)
class CatchUp:
    """Recovery after nothing is processed for `outage_seconds` at the average rate, in orders (a second).

    `lanes`, `reads` and `table` are the capacity of each part. The lowest is `orders_per_second`, and
    `limited_by` names it. `seconds` is the time until the backlog is processed (None: never).
    """

    outage_seconds: Decimal
    backlog: Decimal
    lanes: Decimal
    reads: Decimal
    table: Decimal
    orders_per_second: Decimal
    limited_by: str
    seconds: Decimal | None


@dataclass(frozen=True)
class CapacityPlan:
    """The result of `orders plan`. `baseline_ratio` is the tutorial's bill divided by this one.

    `quotas` starts with the first to be exceeded; `parameters` have the names in template.yaml. `bills` are
    those of month 1, of month 12 and of the last month of the horizon; `cheapest` is the cheapest
    combination, and `idle` what the stack costs without orders. `event_dollars_million` is what a million
    events add to the bill, None without events; `version_dollars_million` what a million announced versions
    do, None without the change feed.
    """

    demand: Demand
    options: Options
    sizing: Sizing
    comparison: Comparison
    latency: ReadLatency
    customer: Customer
    catch_up: CatchUp
    baseline: Bill
    baseline_ratio: Decimal
    quotas: tuple[Quota, ...]
    parameters: dict[str, str]
    bills: tuple[MonthlyBill, ...]
    cheapest: Cheapest
    cheapest_parameters: dict[str, str]
    cheapest_catch_up: CatchUp
    idle: IdleCost
    event_dollars_million: Decimal | None = None
    version_dollars_million: Decimal | None = None


def plan(given: PlanInput) -> CapacityPlan:
    """Plan for a demand. The mode of the stream is the chosen one, or the cheaper one by default."""
    comparison = compare(given)
    of = compute_sizing(given.options.mode or comparison.cheaper, given)
    by_tutorial = _baseline(of, given)
    best = cheapest(given)
    return CapacityPlan(
        demand=given.demand,
        options=given.options,
        sizing=of,
        comparison=comparison,
        latency=latency(of, given),
        customer=customer(of, given),
        catch_up=catch_up(of, given),
        baseline=by_tutorial,
        baseline_ratio=by_tutorial.total / max(of.bill.total, Decimal("0.01")),
        quotas=quotas(of, given),
        parameters=parameters(of, given.options),
        bills=bills(of, given),
        cheapest=best,
        cheapest_parameters=parameters(best.sizing, best.options),
        cheapest_catch_up=catch_up(best.sizing, replace(given, options=best.options)),
        idle=idle_cost(of.stream.mode, given),
        event_dollars_million=event_dollars_million(of, given),
        version_dollars_million=version_dollars_million(of, given),
    )


def _baseline(of: Sizing, given: PlanInput) -> Bill:
    """The tutorial's table is on demand, and of the standard class."""
    usual = Options()
    options = replace(
        given.options,
        table_billing=usual.table_billing,
        table_class=usual.table_class,
        index_projection=usual.index_projection,
    )
    plain = replace(given, options=options)
    return baseline(of.stream, table(plain), plain)


def event_dollars_million(of: Sizing, given: PlanInput) -> Decimal | None:
    """What a million events cost: the difference to the bill for the same orders without events."""
    if not given.demand.events:
        return None
    without = replace(given, demand=replace(given.demand, events=Decimal(0)))
    more = of.bill.total - compute_sizing(of.stream.mode, without).bill.total
    return more * 1_000_000 / (given.orders_a_month * given.demand.events)


def version_dollars_million(of: Sizing, given: PlanInput) -> Decimal | None:
    """What a million announced versions cost: the difference to the bill without the change feed."""
    if not of.feed:
        return None
    without = replace(given, options=replace(given.options, feed=False, event_bus=False, webhooks=0))
    more = of.bill.total - compute_sizing(of.stream.mode, without).bill.total
    return more * 1_000_000 / (given.orders_a_month * of.feed.versions_per_order)


def customer(of: Sizing, given: PlanInput) -> Customer:
    """The most that one customer can send, and what limits it."""
    limits = {"shard": 1 / given.shards_per_order, "lane": of.function.lane_rate}
    if given.options.has_index:
        written = Decimal(given.figures.dynamodb_limits.partition_writes)
        limits["partition of the index"] = written / of.table.writes_per_order
    limited_by = min(limits, key=lambda name: limits[name])
    most = limits[limited_by]
    return Customer(most, min(Decimal(1), most / given.demand.peak), limited_by)


def latency(of: Sizing, given: PlanInput) -> ReadLatency:
    """The latency without and with enhanced fan-out."""
    batch = given.options.window_seconds + of.function.average.seconds
    return ReadLatency(
        shared=given.figures.lambda_limits.poll_seconds + batch,
        fan_out=given.figures.kinesis_limits.fan_out_seconds + batch,
    )


def reads_per_shard(given: PlanInput) -> Decimal:
    """Orders a second that this function can read from a shard: shared by all consumers unless fan-out."""
    limit = given.figures.kinesis_limits
    by_bytes = limit.shard_out_bytes / given.bytes_per_order
    readers = 1 if given.options.fan_out else given.options.consumers
    return min(limit.shard_out_records / given.records_per_order, by_bytes) / readers


def table_rate(of: TableSizing, given: PlanInput) -> Decimal:
    """Orders a second that the table accepts: twice its previous peak, up to the quota; or its highest
    capacity.

    The quota is the default, or the value that the plan requests from AWS if higher.
    """
    if of.capacity:
        return of.capacity.write_maximum / of.writes_per_order
    limit = given.figures.dynamodb_limits
    quota = max(Decimal(limit.table_writes), given.wanted * of.writes_per_order)
    units = min(quota, max(Decimal(limit.new_table_writes), limit.growth * of.peak_units))
    return units / of.writes_per_order


def catch_up(of: Sizing, given: PlanInput) -> CatchUp:
    """Calculate the recovery after the outage, with the quotas that the plan requests."""
    limits = {
        "lanes": of.function.lanes * of.function.lane_rate,
        "shard reads": of.stream.shards * reads_per_shard(given),
        "table": table_rate(of.table, given),
    }
    limited_by = min(limits, key=lambda name: limits[name])
    drain = limits[limited_by]
    outage = given.options.outage_hours * 3600
    backlog = given.demand.rate * outage
    spare = drain - given.demand.rate
    return CatchUp(
        outage_seconds=outage,
        backlog=backlog,
        lanes=limits["lanes"],
        reads=limits["shard reads"],
        table=limits["table"],
        orders_per_second=drain,
        limited_by=limited_by,
        seconds=backlog / spare if spare > 0 else None,
    )
