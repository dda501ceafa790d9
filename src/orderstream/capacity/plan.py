"""A plan: from expected traffic to the template's parameters, quotas to ask for, and a bill."""

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
    """Seconds from arrival to stored for the slowest orders, at the average rate and nothing being wrong."""

    shared: Decimal
    fan_out: Decimal


@dataclass(frozen=True)
class Customer:
    """The most orders a second of one customer, what part of the peak that is, and what limits it.

    A customer is one partition key: of the stream, so all go to one shard and one lane of it; and of the
    index, where all go to one partition, which the order of time keeps together even when it is split.
    """

    orders_per_second: Decimal
    share: Decimal
    limited_by: str


@dataclass(frozen=True)
class CapacityPlan:
    """All that `orders plan` says. `tutorial_ratio` is the tutorial's bill in parts of this one.

    `quotas` has the one that breaks first at its front; `parameters` are template.yaml's own names.
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
    """Plan for a demand. The mode of the stream is the wished one or, without a wish, the cheaper one."""
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
    """At what age template.yaml has Lambda discard orders by default: nine tenths of the retention."""
    return min(_LONGEST_RECORD_AGE_SECONDS, retention_hours * 3600 * 9 // 10)


def parameters(of: Sizing, choices: Options) -> dict[str, str]:
    """What to deploy with: names and values of template.yaml's parameters."""
    return {
        "ShardCount": str(of.stream.shards if of.stream.mode == "shards" else 0),
        "RetentionHours": str(choices.retention_hours),
        "BatchSize": str(of.function.batch_size),
        "BatchWindowSeconds": str(choices.window_seconds),
        "ParallelizationFactor": str(of.function.parallelization_factor),
        "EnhancedFanOut": "true" if choices.fan_out else "false",
        "ShardMetrics": "true" if choices.shard_metrics else "false",
        "ArchiveLayout": choices.layout,
        "ArchiveUpkeep": choices.upkeep,
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
