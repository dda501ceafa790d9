"""Calculate the monthly cost by service, and for comparison that of a handler with two calls per order."""

from __future__ import annotations

from decimal import Decimal

from orderstream.capacity.demand import PlanInput
from orderstream.capacity.feed import FeedSizing
from orderstream.capacity.function import FunctionSizing, baseline_seconds, between_seconds, ceiling
from orderstream.capacity.line_items import Bill, LineItem, bill_of
from orderstream.capacity.prices import DAYS_A_MONTH, GB, HOURS_A_MONTH, KB, SECONDS_A_MONTH, tiered
from orderstream.capacity.storage import ArchiveSizing, TableSizing
from orderstream.capacity.stream import StreamSizing, stream_dollars
from orderstream.capacity.table_bill import table_items

# The default batch size of Lambda's event source mapping.
_TUTORIAL_BATCH = 100


def bill(
    stream: StreamSizing,
    function: FunctionSizing,
    table: TableSizing,
    archive: ArchiveSizing,
    feed: FeedSizing | None,
    given: PlanInput,
    month: int = 1,
) -> Bill:
    """The bill of a plan in a month; the first is 1."""
    one, price = given.figures.bytes, given.figures.cloudwatch_prices
    batches = function.average.batches_per_second * SECONDS_A_MONTH
    of_events = one.event_metrics if given.demand.events else 0
    shard_metrics = stream.shards * one.shard_metrics if given.options.shard_metrics else 0
    return bill_of(
        [
            LineItem("Kinesis", _mode(stream), stream.dollars),
            *_lambda(batches, function.average.running * SECONDS_A_MONTH, given),
            _maintenance(archive, given),
            *table_items(table, given, month),
            *_archive(archive, given, month),
            *_replaced_objects(archive, given),
            *_cloudwatch(batches, one.log, one.metrics + one.mapping_metrics + of_events, given),
            _alarms(given),
            LineItem("CloudWatch", "shard metrics", shard_metrics * price.metric_month),
            *(_feed(feed, given) if feed else ()),
            *(_webhooks(feed, given) if feed else ()),
            *(_totals(given) if given.options.totals else ()),
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
            *table_items(table, given),
            *_s3(records, sent / GB, given),
            *_cloudwatch(records / batch, 0, 0, given),
        ]
    )


def _mode(stream: StreamSizing) -> str:
    return f"stream, {'shards' if stream.mode == 'shards' else 'on demand'}"


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


def _webhooks(feed: FeedSizing, given: PlanInput) -> list[LineItem]:
    """Deliveries to every webhook, each of which has a sender that never ends, at most."""
    one, watch, number = given.figures.readers, given.figures.cloudwatch_prices, given.options.webhooks
    if not number:
        return []
    more = max(0, ceiling(feed.announcement_bytes / KB) - 1) * one.delivery_writes_per_kb
    seconds = number * SECONDS_A_MONTH * Decimal(one.sender_mb) / 1024
    alarms = one.webhook_alarms * watch.alarm_metric_month
    return [
        _units("webhooks", number, one.delivery_writes + more, one.delivery_reads, given),
        LineItem("Lambda", "webhooks, senders at most", seconds * given.figures.lambda_prices.gb_second),
        LineItem("Secrets Manager", "webhooks", number * given.figures.request_prices.secret_month),
        LineItem("CloudWatch", "webhooks", one.webhook_metrics * watch.metric_month + alarms),
    ]


def _totals(given: PlanInput) -> list[LineItem]:
    one = given.figures.readers
    alarms = one.total_alarms * given.figures.cloudwatch_prices.alarm_metric_month
    return [
        _units("totals, at most", 1, one.total_writes, one.total_reads, given),
        LineItem("CloudWatch", "totals, alarm", alarms),
    ]


def _units(what: str, times: int, writes: int, reads: int, given: PlanInput) -> LineItem:
    """Units of each version of an order, on demand."""
    price = given.figures.dynamodb_prices
    versions = times * given.orders_a_month * given.records_per_order / 1_000_000
    return LineItem("DynamoDB", what, versions * (writes * price.write_million + reads * price.read_million))


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


def _archive(archive: ArchiveSizing, given: PlanInput, month: int) -> list[LineItem]:
    """A month's objects, and the storage of all so far: large ones are in Glacier once they are old."""
    price, days = given.figures.s3_prices, given.options.glacier_days
    is_compact = given.options.maintenance == "compact"
    gigabytes = archive.compacted_gb if is_compact else archive.gb
    objects = Decimal(archive.compacted_objects) if is_compact else archive.objects
    if not days or gigabytes / objects * GB < price.least_bytes_to_move:
        return _s3(archive.objects, gigabytes * month, given)
    warm = min(Decimal(month), days / DAYS_A_MONTH)
    moved = objects if month > warm else 0
    cold = (month - warm) * gigabytes * price.glacier_gb_month + moved * price.glacier_move_thousand / 1000
    return [
        *_s3(archive.objects, gigabytes * warm, given),
        LineItem("S3", "storage in Glacier Instant Retrieval", cold),
    ]


def _alarms(given: PlanInput) -> LineItem:
    one, price = given.figures.bytes, given.figures.cloudwatch_prices
    if given.options.monitoring == "essential":
        return LineItem("CloudWatch", "alarms", one.essential_alarm_metrics * price.alarm_metric_month)
    composite = one.composite_alarms * price.alarm_composite_month
    dollars = (
        one.alarm_metrics * price.alarm_metric_month + composite + one.dashboards * price.dashboard_month
    )
    return LineItem("CloudWatch", "alarms, dashboard", dollars)


def _s3(objects: Decimal, gigabytes: Decimal, given: PlanInput) -> list[LineItem]:
    price = given.figures.s3_prices
    return [
        LineItem("S3", "PUT requests", objects * price.put_thousand / 1000),
        LineItem("S3", "storage", tiered(gigabytes, price.stored_gb_month_tiers)),
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
