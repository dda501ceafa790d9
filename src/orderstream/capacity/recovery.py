"""Recovery after an outage: how fast the backlog is processed, and what limits it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from orderstream.capacity.demand import Demand, Options
from orderstream.capacity.function import FunctionSizing
from orderstream.capacity.reference_data import ReferenceData
from orderstream.capacity.storage import TableSizing
from orderstream.capacity.stream import StreamSizing, record_bytes


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


def reads_per_shard(demand: Demand, choices: Options, figures: ReferenceData) -> Decimal:
    """Orders a second that this function can read from a shard: shared by all consumers unless fan-out."""
    limit = figures.limits.kinesis
    by_bytes = Decimal(limit.shard_out_bytes) / record_bytes(demand.size, figures)
    return min(Decimal(limit.shard_out_records), by_bytes) / (1 if choices.fan_out else choices.consumers)


def table_writes(of: TableSizing, choices: Options, figures: ReferenceData) -> Decimal:
    """Write units a second that the table accepts: twice its previous peak, up to the quota.

    The quota is the default, or the value that the plan requests from AWS if higher.
    """
    limit = figures.limits.dynamodb
    quota = max(Decimal(limit.table_writes), of.peak_units * (1 + choices.headroom))
    return min(quota, max(Decimal(limit.new_table_writes), limit.growth * of.peak_units))


def catch_up(
    stream: StreamSizing,
    function: FunctionSizing,
    table: TableSizing,
    demand: Demand,
    choices: Options,
    figures: ReferenceData,
) -> CatchUp:
    """Calculate the recovery after the outage, with the quotas that the plan requests."""
    limits = {
        "lanes": function.lanes * function.lane_rate,
        "shard reads": stream.shards * reads_per_shard(demand, choices, figures),
        "table": table_writes(table, choices, figures) / table.units_per_order,
    }
    limited_by = min(limits, key=lambda name: limits[name])
    drain = limits[limited_by]
    outage = choices.outage_hours * 3600
    backlog = demand.rate * outage
    spare = drain - demand.rate
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
