"""Price the tables: on demand or provisioned, and by class."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from orderstream.capacity.demand import PlanInput
from orderstream.capacity.line_items import LineItem
from orderstream.capacity.prices import HOURS_A_MONTH
from orderstream.capacity.storage import TableSizing

_MONTHS_A_YEAR = 12


def table_items(table: TableSizing, given: PlanInput, month: int = 1) -> list[LineItem]:
    """The lines of the tables in a month; the first is 1."""
    price = given.figures.dynamodb_prices
    is_infrequent = given.options.table_class == "infrequent-access"
    a_gigabyte = price.infrequent_gb_month if is_infrequent else price.stored_gb_month
    return [
        *_throughput(table, given, price.infrequent_throughput if is_infrequent else Decimal(1)),
        LineItem("DynamoDB", "storage", table.stored_gb * month * a_gigabyte),
        LineItem("DynamoDB", "point-in-time recovery", table.recovery_gb * month * price.recovery_gb_month),
    ]


def _throughput(table: TableSizing, given: PlanInput, factor: Decimal) -> list[LineItem]:
    price = given.figures.dynamodb_prices
    if table.capacity is None:
        units = given.orders_a_month * (table.billed_units_per_order + table.events_billed_per_order)
        reads = given.orders_a_month * table.reads_per_order
        return [
            LineItem("DynamoDB", "writes", factor * units * price.write_million / 1_000_000),
            LineItem("DynamoDB", "reads", factor * reads * price.read_million / 1_000_000),
        ]
    writes, reads = table.capacity.write_units, table.capacity.read_units
    alarms = table.capacity.alarms * given.figures.cloudwatch_prices.alarm_metric_month
    return [
        LineItem("DynamoDB", "writes, provisioned", factor * writes * price.write_unit_hour * HOURS_A_MONTH),
        LineItem("DynamoDB", "reads, provisioned", factor * reads * price.read_unit_hour * HOURS_A_MONTH),
        LineItem("CloudWatch", "alarms of the scaling", alarms),
    ]


@dataclass(frozen=True)
class ReservedCapacity:
    """Reserved write units, and what they save in US dollars a month."""

    units: int
    saves: Decimal


def reserved_capacity(table: TableSizing, given: PlanInput, *, years: int) -> ReservedCapacity | None:
    """What can be reserved for one or three years; None if nothing can.

    Only whole blocks of the write units that the tables always have are reserved, so each is used all the
    time.
    """
    price, reserved = given.figures.dynamodb_prices, given.figures.reserved_prices
    if table.capacity is None or given.options.table_class != "standard":
        return None
    blocks = table.capacity.reserved_units // reserved.block_units
    once, hour = (
        (reserved.one_year_once, reserved.one_year_hour)
        if years == 1
        else (reserved.three_years_once, reserved.three_years_hour)
    )
    plain = reserved.block_units * price.write_unit_hour * HOURS_A_MONTH
    a_block = plain - once / (years * _MONTHS_A_YEAR) - hour * HOURS_A_MONTH
    return ReservedCapacity(blocks * reserved.block_units, blocks * a_block) if blocks else None
