"""Calculate the monthly cost by service, and for comparison that of a handler with two calls per order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from orderstream.capacity.demand import PlanInput
from orderstream.capacity.feed import FeedSizing
from orderstream.capacity.function import FunctionSizing, baseline_seconds, between_seconds, ceiling
from orderstream.capacity.prices import GB, HOURS_A_MONTH, SECONDS_A_MONTH, tiered
from orderstream.capacity.storage import ArchiveSizing, TableSizing
from orderstream.capacity.stream import StreamSizing, stream_dollars

Service = Literal["Kinesis", "Lambda", "DynamoDB", "S3", "CloudWatch", "EventBridge"]

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
    feed: FeedSizing | None,
    given: PlanInput,
) -> Bill:
    """The bill of a plan."""
    one, price = given.figures.bytes, given.figures.cloudwatch_prices
    batches = function.average.batches_per_second * SECONDS_A_MONTH
    kept = archive.compacted_gb if given.options.maintenance == "compact" else archive.gb
    alarms = one.alarm_metrics * price.alarm_metric_month + one.composite_alarms * price.alarm_composite_month
    of_events = one.event_metrics if given.demand.events else 0
    shard_metrics = stream.shards * one.shard_metrics if given.options.shard_metrics else 0
    return bill_of(
        [
            LineItem("Kinesis", _mode(stream), stream.dollars),
            *_lambda(batches, function.average.running * SECONDS_A_MONTH, given),
            _maintenance(archive, given),
            *_dynamodb(table, given),
            *_s3(archive.objects, kept, given),
            *_replaced_objects(archive, given),
            *_cloudwatch(batches, one.log, one.metrics + one.mapping_metrics + of_events, given),
            LineItem("CloudWatch", "alarms, dashboard", alarms + one.dashboards * price.dashboard_month),
            LineItem("CloudWatch", "shard metrics", shard_metrics * price.metric_month),
            *(_feed(feed, given) if feed else ()),
        ]
    )


def baseline(stream: StreamSizing, table: TableSizing, given: PlanInput) -> Bill:
    """The bill for the same orders with a handler that makes a PutItem and a PutObject per order in sequence.

    It treats an event as another order, and does not apply it to anything.

    It has Lambda's default batch size of 100 and the same memory, stream mode, table and index, writes no log
    lines of its own, and has as many shards as its concurrent batches need.
    """
    batch = Decimal(_TUTORIAL_BATCH)
    a_lane = batch / (baseline_seconds(batch, given) + between_seconds(given))
    wanted = given.wanted * given.records_per_order
    shards = ceiling(wanted / (a_lane * given.figures.lambda_limits.parallelization_factor))
    records = given.orders_a_month * given.records_per_order
    sent = given.orders_a_month * (given.demand.size + given.demand.events * given.demand.event_size)
    stream_cost = stream_dollars(stream.mode, max(stream.shards_needed, shards), given)
    return bill_of(
        [
            LineItem("Kinesis", _mode(stream), stream_cost),
            *_lambda(records / batch, baseline_seconds(records, given), given),
            *_dynamodb(table, given),
            *_s3(records, sent / GB, given),
            *_cloudwatch(records / batch, 0, 0, given),
        ]
    )


def _mode(stream: StreamSizing) -> str:
    return f"stream, {'shards' if stream.mode == 'shards' else 'on demand'}"


def _kept(given: PlanInput) -> str:
    months = given.options.months
    return f"storage, {months} month{'s' * (months > 1)} of orders"


def _lambda(batches: Decimal, seconds: Decimal, given: PlanInput) -> list[LineItem]:
    price = given.figures.lambda_prices
    gb_seconds = seconds * given.figures.function.memory_mb / 1024
    return [
        LineItem("Lambda", "requests", batches * price.request_million / 1_000_000),
        LineItem("Lambda", "duration", tiered(gb_seconds, price.gb_second_tiers)),
    ]


def _feed(feed: FeedSizing, given: PlanInput) -> list[LineItem]:
    one, figures = given.figures.feed, given.figures
    batches = feed.batches_per_second * SECONDS_A_MONTH
    requests, duration = _lambda(batches, batches * feed.seconds_per_batch, given)
    reads = given.orders_a_month * feed.reads_per_order * figures.dynamodb_prices.read_million / 1_000_000
    logs, metrics = _cloudwatch(batches, one.log, one.metrics, given)
    alarms = one.alarm_metrics + (one.bus_alarm_metrics if given.options.event_bus else 0)
    watching = metrics.dollars + alarms * figures.cloudwatch_prices.alarm_metric_month
    price, millions = figures.eventbridge_prices, feed.requests_a_month / 1_000_000
    # Lambda reads the table's stream for nothing.
    return [
        LineItem("Kinesis", "change feed, shards" if feed.shards else "change feed, on demand", feed.dollars),
        LineItem("Lambda", "change feed", requests.dollars + duration.dollars),
        LineItem("DynamoDB", "change feed, reads of events", reads),
        LineItem("CloudWatch", "change feed, logs", logs.dollars),
        LineItem("CloudWatch", "change feed, metric, alarms", watching),
        LineItem("EventBridge", "pipe", millions * price.pipe_million),
        LineItem("EventBridge", "events on the bus", millions * price.event_million),
    ]


def _maintenance(archive: ArchiveSizing, given: PlanInput) -> LineItem:
    one, price = given.figures.maintenance, given.figures.lambda_prices
    # Work not done before the timeout is left to the next hour, or never done.
    seconds = min(archive.maintenance_seconds, Decimal(one.timeout_seconds))
    request = price.request_million / 1_000_000 if seconds else 0
    a_run = seconds * one.memory_mb / 1024 * price.gb_second + request
    return LineItem("Lambda", "maintenance of the archive", a_run * HOURS_A_MONTH)


def _replaced_objects(archive: ArchiveSizing, given: PlanInput) -> list[LineItem]:
    # A month's objects are written, compacted an hour later, and kept for the noncurrent days.
    price, days = given.figures.s3_prices, given.figures.maintenance.noncurrent_days
    return [
        LineItem("S3", "GET requests of maintenance", archive.maintenance_reads * price.get_thousand / 1000),
        LineItem("S3", f"old versions, {days} days", archive.old_gb * price.stored_gb_month_tiers[0][1]),
    ]


def _dynamodb(table: TableSizing, given: PlanInput) -> list[LineItem]:
    price, months = given.figures.dynamodb_prices, given.options.months
    units = given.orders_a_month * (table.billed_units_per_order + table.events_billed_per_order)
    reads = given.orders_a_month * table.reads_per_order
    recovery = table.recovery_gb * months * price.recovery_gb_month
    return [
        LineItem("DynamoDB", "writes", units * price.write_million / 1_000_000),
        LineItem("DynamoDB", "reads", reads * price.read_million / 1_000_000),
        LineItem("DynamoDB", _kept(given), table.stored_gb * months * price.stored_gb_month),
        LineItem("DynamoDB", "point-in-time recovery", recovery),
    ]


def _s3(objects: Decimal, gigabytes: Decimal, given: PlanInput) -> list[LineItem]:
    price = given.figures.s3_prices
    stored = tiered(gigabytes * given.options.months, price.stored_gb_month_tiers)
    return [
        LineItem("S3", "PUT requests", objects * price.put_thousand / 1000),
        LineItem("S3", _kept(given), stored),
    ]


def _cloudwatch(batches: Decimal, line: int, metrics: int, given: PlanInput) -> list[LineItem]:
    price = given.figures.cloudwatch_prices
    gigabytes = batches * (line + given.figures.bytes.log_of_lambda) / GB
    # The template keeps logs for 30 days, so about a month of log lines is stored.
    stored = gigabytes * price.log_stored_share * price.log_stored_gb_month
    return [
        LineItem("CloudWatch", "logs", tiered(gigabytes, price.log_gb_tiers) + stored),
        LineItem("CloudWatch", "metrics", metrics * price.metric_month),
    ]
