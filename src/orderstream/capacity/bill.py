"""Calculate the monthly cost by service, and for comparison that of a handler with two calls per order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from orderstream.capacity.demand import Demand, Options
from orderstream.capacity.function import FunctionSizing, baseline_seconds, ceiling
from orderstream.capacity.reference_data import GB, HOURS_A_MONTH, SECONDS_A_MONTH, ReferenceData, tiered
from orderstream.capacity.storage import ArchiveSizing, TableSizing
from orderstream.capacity.stream import StreamSizing, costs

Service = Literal["Kinesis", "Lambda", "DynamoDB", "S3", "CloudWatch"]

# The default batch size of Lambda's event source mapping.
_TUTORIAL_BATCH = 100
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class LineItem:
    """One line of a bill, in US dollars a month."""

    service: Service
    what: str
    dollars: Decimal


@dataclass(frozen=True)
class Bill:
    """A month's bill at list prices, without free tiers and discounts. US dollars, to the cent."""

    entries: tuple[LineItem, ...]
    services: dict[Service, Decimal]
    total: Decimal


def bill_of(entries: list[LineItem]) -> Bill:
    """The entries with their sums. Each is rounded to the cent, so that the displayed lines add up."""
    rounded = tuple(
        replace(entry, dollars=entry.dollars.quantize(_CENT, ROUND_HALF_UP))
        for entry in entries
        if entry.dollars
    )
    services: dict[Service, Decimal] = {}
    for entry in rounded:
        services[entry.service] = services.get(entry.service, Decimal(0)) + entry.dollars
    return Bill(rounded, services, sum(services.values(), Decimal(0)))


def bill(
    stream: StreamSizing,
    function: FunctionSizing,
    table: TableSizing,
    archive: ArchiveSizing,
    demand: Demand,
    choices: Options,
    figures: ReferenceData,
) -> Bill:
    """The bill of a plan."""
    batches = function.average.batches_per_second * SECONDS_A_MONTH
    seconds = function.average.running * SECONDS_A_MONTH
    entries = [LineItem("Kinesis", _mode(stream), stream.dollars)]
    entries += _lambda(batches, seconds, figures)
    entries += _maintenance(archive, figures)
    entries += _dynamodb(table, demand, choices, figures)
    kept = archive.compacted_gb if choices.maintenance == "compact" else archive.gb
    entries += _s3(archive.objects, kept * choices.months, choices, figures)
    entries += _old_versions(archive, figures)
    one = figures.measured.bytes
    entries += _cloudwatch(batches, one.log, one.metrics + one.mapping_metrics, figures)
    price = figures.prices.cloudwatch
    watching = (
        one.alarm_metrics * price.alarm_metric_month + one.composite_alarms * price.alarm_composite_month
    )
    watching += one.dashboards * price.dashboard_month
    entries.append(LineItem("CloudWatch", "alarms, dashboard", watching))
    if choices.shard_metrics:
        metrics = stream.shards * one.shard_metrics
        entries.append(LineItem("CloudWatch", "shard metrics", metrics * price.metric_month))
    return bill_of(entries)


def baseline(
    stream: StreamSizing, table: TableSizing, demand: Demand, choices: Options, figures: ReferenceData
) -> Bill:
    """The bill for the same orders with a handler that makes a PutItem and a PutObject per order in sequence.

    It has Lambda's default batch size of 100 and the same memory, stream mode, table and index, writes no log
    lines of its own, and has as many shards as its concurrent batches need.
    """
    one = figures.measured.function
    wanted = demand.peak * (1 + choices.headroom)
    a_lane = _TUTORIAL_BATCH / (
        baseline_seconds(Decimal(_TUTORIAL_BATCH), figures) + one.between_ms / Decimal(1000)
    )
    shards = ceiling(wanted / (a_lane * figures.limits.lambda_.parallelization_factor))
    of_mode = costs(stream.mode, demand, choices, figures)
    orders = demand.rate * SECONDS_A_MONTH
    batches = orders / _TUTORIAL_BATCH
    entries = [LineItem("Kinesis", _mode(stream), of_mode.at(demand.rate, max(stream.shards_needed, shards)))]
    entries += _lambda(batches, baseline_seconds(orders, figures), figures)
    entries += _dynamodb(table, demand, choices, figures)
    entries += _s3(orders, orders * demand.size / GB * choices.months, choices, figures)
    entries += _cloudwatch(batches, 0, 0, figures)
    return bill_of(entries)


def _mode(stream: StreamSizing) -> str:
    return f"stream, {'shards' if stream.mode == 'shards' else 'on demand'}"


def _lambda(batches: Decimal, seconds: Decimal, figures: ReferenceData) -> list[LineItem]:
    price = figures.prices.lambda_
    gb_seconds = seconds * figures.measured.function.memory_mb / 1024
    return [
        LineItem("Lambda", "requests", batches * price.request_million / 1_000_000),
        LineItem("Lambda", "duration", tiered(gb_seconds, price.gb_second_tiers)),
    ]


def _maintenance(archive: ArchiveSizing, figures: ReferenceData) -> list[LineItem]:
    one, price = figures.measured.maintenance, figures.prices.lambda_
    # Work not done before the timeout is left to the next hour, or never done.
    seconds = min(archive.maintenance_seconds, Decimal(one.timeout_seconds)) * HOURS_A_MONTH
    dollars = seconds * one.memory_mb / 1024 * price.gb_second
    if archive.maintenance_seconds:
        dollars += HOURS_A_MONTH * price.request_million / 1_000_000
    return [LineItem("Lambda", "maintenance of the archive", dollars)]


def _old_versions(archive: ArchiveSizing, figures: ReferenceData) -> list[LineItem]:
    # A month's objects are written, compacted an hour later, and kept for the noncurrent days.
    price, days = figures.prices.s3, figures.measured.maintenance.noncurrent_days
    return [
        LineItem("S3", "GET requests of maintenance", archive.maintenance_reads * price.get_thousand / 1000),
        LineItem("S3", f"old versions, {days} days", archive.old_gb * price.stored_gb_month_tiers[0][1]),
    ]


def _dynamodb(table: TableSizing, demand: Demand, choices: Options, figures: ReferenceData) -> list[LineItem]:
    price = figures.prices.dynamodb
    units = demand.rate * SECONDS_A_MONTH * table.billed_units_per_order
    kept = f"{choices.months} month{'s' * (choices.months > 1)} of orders"
    return [
        LineItem("DynamoDB", "writes", units * price.write_million / 1_000_000),
        LineItem("DynamoDB", f"storage, {kept}", table.stored_gb * choices.months * price.stored_gb_month),
        LineItem(
            "DynamoDB", "point-in-time recovery", table.recovery_gb * choices.months * price.recovery_gb_month
        ),
    ]


def _s3(objects: Decimal, gigabytes: Decimal, choices: Options, figures: ReferenceData) -> list[LineItem]:
    price = figures.prices.s3
    kept = f"{choices.months} month{'s' * (choices.months > 1)} of orders"
    return [
        LineItem("S3", "PUT requests", objects * price.put_thousand / 1000),
        LineItem("S3", f"storage, {kept}", tiered(gigabytes, price.stored_gb_month_tiers)),
    ]


def _cloudwatch(batches: Decimal, line: int, metrics: int, figures: ReferenceData) -> list[LineItem]:
    price = figures.prices.cloudwatch
    gigabytes = batches * (line + figures.measured.bytes.log_of_lambda) / GB
    # The template keeps logs for 30 days, so about a month of log lines is stored.
    stored = gigabytes * price.log_stored_share * price.log_stored_gb_month
    return [
        LineItem("CloudWatch", "logs", tiered(gigabytes, price.log_gb_tiers) + stored),
        LineItem("CloudWatch", "metrics", metrics * price.metric_month),
    ]
