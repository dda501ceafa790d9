"""Plan for expected traffic: the template's parameters, the quotas to request, and a bill."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from orderstream.capacity.bill import Bill, baseline
from orderstream.capacity.demand import Demand, Options
from orderstream.capacity.quotas import Quota, quotas
from orderstream.capacity.recovery import CatchUp, catch_up
from orderstream.capacity.reference_data import ReferenceData
from orderstream.capacity.sizing import Sizing, compute_sizing
from orderstream.capacity.stream import shards_per_order
from orderstream.capacity.stream_mode import Comparison, compare

_LONGEST_RECORD_AGE_SECONDS = 7 * 24 * 3600


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
class CapacityPlan:
    """The result of `orders plan`. `tutorial_ratio` is the tutorial's bill divided by this one.

    `quotas` starts with the first to be exceeded; `parameters` have the names in template.yaml.
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


def plan(demand: Demand, choices: Options, figures: ReferenceData) -> CapacityPlan:
    """Plan for a demand. The mode of the stream is the chosen one, or the cheaper one by default."""
    comparison = compare(demand, choices, figures)
    of = compute_sizing(choices.mode or comparison.cheaper, demand, choices, figures)
    by_tutorial = baseline(of.stream, of.table, demand, choices, figures)
    return CapacityPlan(
        demand=demand,
        options=choices,
        sizing=of,
        comparison=comparison,
        latency=_latency(of, choices, figures),
        customer=_customer(of, demand, choices, figures),
        catch_up=catch_up(of.stream, of.function, of.table, demand, choices, figures),
        baseline=by_tutorial,
        baseline_ratio=by_tutorial.total / max(of.bill.total, Decimal("0.01")),
        quotas=quotas(of, demand, choices, figures),
        parameters=parameters(of, choices),
    )


def record_age_seconds(retention_hours: int) -> int:
    """The age at which Lambda discards orders by template.yaml's default: nine tenths of the retention."""
    return min(_LONGEST_RECORD_AGE_SECONDS, retention_hours * 3600 * 9 // 10)


def parameters(of: Sizing, choices: Options) -> dict[str, str]:
    """Names and values of template.yaml's parameters for the deployment."""
    return {
        "ShardCount": str(of.stream.shards if of.stream.mode == "shards" else 0),
        "RetentionHours": str(choices.retention_hours),
        "BatchSize": str(of.function.batch_size),
        "BatchWindowSeconds": str(choices.window_seconds),
        "ParallelizationFactor": str(of.function.parallelization_factor),
        "EnhancedFanOut": "true" if choices.fan_out else "false",
        "ShardMetrics": "true" if choices.shard_metrics else "false",
        "ArchiveLayout": choices.layout,
        "ArchiveMaintenance": choices.maintenance,
        "CustomerIndex": "true" if choices.has_index else "false",
        "TableWarmWriteUnits": str(of.table.warm_units),
    }


def _customer(of: Sizing, demand: Demand, choices: Options, figures: ReferenceData) -> Customer:
    limits = {
        "shard": 1 / shards_per_order(demand.size, figures),
        "lane": of.function.lane_rate,
    }
    if choices.has_index:
        written = Decimal(figures.limits.dynamodb.partition_writes)
        limits["partition of the index"] = written / of.table.units_per_order
    limited_by = min(limits, key=lambda name: limits[name])
    most = limits[limited_by]
    return Customer(most, min(Decimal(1), most / demand.peak), limited_by)


def _latency(of: Sizing, choices: Options, figures: ReferenceData) -> ReadLatency:
    window, batch = Decimal(choices.window_seconds), of.function.average.seconds
    return ReadLatency(
        shared=figures.limits.lambda_.poll_seconds + window + batch,
        fan_out=figures.limits.kinesis.fan_out_seconds + window + batch,
    )
