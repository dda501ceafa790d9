"""Size provisioned tables: the bounds and the target of their scaling, and the units that are paid for."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from orderstream.capacity.autoscaling import Scaling, cheapest_scaling
from orderstream.capacity.demand import PlanInput
from orderstream.capacity.function import ceiling

# For those who look at orders, and for duplicates: assumed.
_LEAST_READS = 10


@dataclass(frozen=True)
class TableCapacity:
    """The capacity of provisioned tables, in units a second.

    `write_minimum` and `write_maximum` are of the table of orders and of each of its indexes, and
    `event_write_minimum` of the table of events; `read_minimum` and `read_maximum` of each. `write_units` and
    `read_units` are the mean of all together over a day, `reserved_units` the part of the writes that is
    always there. `alarms` are those of the scaling. `scaling` has the target, and how long orders wait.
    """

    write_minimum: int
    write_maximum: int
    event_write_minimum: int
    read_minimum: int
    read_maximum: int
    write_units: Decimal
    read_units: Decimal
    reserved_units: int
    alarms: int
    scaling: Scaling


def table_capacity(
    table_units: Decimal, index_units: Decimal, row_units: Decimal, reads: Decimal, given: PlanInput
) -> TableCapacity:
    """The capacity for these units an order: writes of the table, its index and the events, and reads."""
    figures, rate = given.figures.scaling, given.demand.rate
    peak = given.demand.peak / rate
    scaling = cheapest_scaling(round(float(peak), 3), given.options.longest_wait_seconds, figures)
    floor, mean, top = (Decimal(str(one)) for one in (scaling.floor, scaling.mean, scaling.ceiling))
    lowest = max(1, ceiling(floor * rate * max(table_units, index_units)))
    lowest_rows = max(1, ceiling(floor * rate * row_units))
    targets = [rate * table_units]
    targets += [rate * index_units] if given.options.has_index else []
    # The index of incomplete orders has one unit of each.
    writes = 1 + sum(max(mean * one, Decimal(lowest)) for one in targets)
    writes += max(mean * rate * row_units, Decimal(lowest_rows))
    # Reads come with events, and are of the table and of the rows, in equal parts.
    of_reads = mean * rate * reads / 2
    read_tables = 2 * max(of_reads, Decimal(_LEAST_READS))
    read_index = _LEAST_READS if given.options.has_index else 0
    return TableCapacity(
        write_minimum=lowest,
        write_maximum=max(lowest, ceiling(top * rate * max(table_units, index_units, row_units))),
        event_write_minimum=lowest_rows,
        read_minimum=_LEAST_READS,
        read_maximum=max(_LEAST_READS, ceiling(top * rate * max(reads, Decimal(1)))),
        write_units=writes,
        read_units=1 + read_tables + read_index,
        reserved_units=lowest * len(targets) + lowest_rows,
        # Reads and writes of each table and of the index.
        alarms=2 * (len(targets) + 1) * figures.alarms,
        scaling=scaling,
    )
