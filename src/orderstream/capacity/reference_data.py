"""The figures that a plan is calculated from: prices, limits of AWS, and measurements, with their sources."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from orderstream.capacity.prices import (
    MB,
    AdvantagePrices,
    CloudWatchPrices,
    DynamoPrices,
    EventBridgePrices,
    KinesisPrices,
    LambdaPrices,
    RequestPrices,
    ReservedPrices,
    S3Prices,
)


@dataclass(frozen=True)
class KinesisLimits:
    """Limits a second of a shard and a stream, and of an account in us-east-1, us-west-2 and eu-west-1."""

    date: ClassVar = "2026-11-24"
    source: ClassVar = "docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"
    # AWS's "1 MB" read as 1,000,000 bytes, to be cautious.
    shard_in_bytes: int = 1_000_000
    shard_in_records: int = 1_000
    shard_out_bytes: int = 2_000_000
    shard_out_records: int = 2_000
    # The capacity of a new on-demand stream, and its growth over the highest peak of the last 30 days.
    on_demand_shards: int = 4
    on_demand_growth: int = 2
    # Of one stream; elsewhere until AWS raises it.
    on_demand_bytes: int = 10_000_000_000
    on_demand_bytes_elsewhere: int = 200_000_000
    # Elsewhere 1,000 or 6,000.
    shards: int = 20_000
    shards_elsewhere: int = 1_000
    put_unit_bytes: int = 25_600
    # The delay to a consumer with enhanced fan-out; AWS says about 70 ms.
    fan_out_seconds: Decimal = Decimal("0.07")


@dataclass(frozen=True)
class LambdaLimits:
    """Limits of an invocation, an account and an event source mapping."""

    date: ClassVar = "2026-11-24"
    source: ClassVar = (
        "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, with-kinesis.html. A new account"
        " often has lower limits until it is used: Service Quotas shows yours"
    )
    payload_bytes: int = 6 * MB
    concurrency: int = 1_000
    # The interval at which a shared-throughput consumer polls a shard.
    poll_seconds: Decimal = Decimal("1")
    batch_size: int = 10_000
    parallelization_factor: int = 10


@dataclass(frozen=True)
class DynamoLimits:
    """Write units a second. The quota applies to a table and to each of its indexes."""

    date: ClassVar = "2026-11-24"
    source: ClassVar = "docs.aws.amazon.com/amazondynamodb/latest/developerguide"
    # The capacity of a new on-demand table or index, and its growth over its highest peak.
    new_table_writes: int = 4_000
    growth: int = 2
    partition_writes: int = 1_000
    table_writes: int = 40_000


@dataclass(frozen=True)
class ScalingFigures:
    """How Application Auto Scaling follows the consumption of a provisioned table, and its burst capacity."""

    date: ClassVar = "2026-11-30"
    source: ClassVar = (
        "docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.html (two minutes above the"
        " target, fifteen 20 points below it);"
        " repost.aws/knowledge-center/dynamodb-spiky-workloads-short-intervals (300 seconds of unused"
        " capacity, best effort). From memory, not verified: the decreases a day, and four alarms for each"
        " target. The delay until a change is in effect is assumed"
    )
    scale_out_minutes: int = 2
    scale_in_minutes: int = 15
    # Below the target, as a share of the capacity.
    scale_in_below: float = 0.2
    # After these, one is allowed an hour after the last.
    free_decreases: int = 4
    # For the metric to appear, the alarm to fire, and UpdateTable to take effect.
    delay_seconds: int = 120
    burst_seconds: int = 300
    # CloudWatch alarms that the policy makes, for the reads or the writes of a table or an index.
    alarms: int = 4


@dataclass(frozen=True)
class S3Limits:
    """PUTs a second to a prefix. S3 divides a prefix that is busy for long; each hour has a new one."""

    date: ClassVar = "2026-11-24"
    source: ClassVar = "docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html"
    prefix_puts: int = 3_500


@dataclass(frozen=True)
class FunctionFigures:
    """The function's settings in template.yaml, its processor time, and its waits for table and bucket."""

    date: ClassVar = "2026-11-24"
    source: ClassVar = (
        "make bench: a fit to batches of 100 and 1,000 orders of 60 and 600 bytes, with 5 ms for"
        " the table and 20 ms for the bucket. An EPYC core, not Graviton: check CloudWatch's Duration on AWS"
    )
    memory_mb: int = 1024
    timeout_seconds: int = 60
    # Lambda gives one processor for this much memory, and a share of it for less.
    mb_per_processor: int = 1769
    # Concurrent calls with this memory, and orders in a call.
    threads: int = 5
    orders_per_call: int = 25
    # Processor time of a batch, of an order, of one of its bytes, of a PutObject.
    batch_ms: Decimal = Decimal("4")
    order_us: Decimal = Decimal("46.7")
    byte_us: Decimal = Decimal("0.066")
    put_ms: Decimal = Decimal("0.9")
    # The response times of table and bucket that were set in the measurement.
    table_ms: Decimal = Decimal("5")
    bucket_ms: Decimal = Decimal("20")
    # Between two invocations of a lane: assumed, not measured.
    between_ms: Decimal = Decimal("20")
    # The tutorial's handler: processor time of an order, in addition to its two waits.
    tutorial_order_ms: Decimal = Decimal("3.9")


@dataclass(frozen=True)
class ByteFigures:
    """Bytes in event, stream, table, archive and log, and numbers of metrics, alarms and dashboards."""

    date: ClassVar = "2026-11-24"
    source: ClassVar = (
        "python -m bench.capacity: generated orders of 60 and 600 bytes in batches of a thousand through the"
        " function's own code. Such orders resemble each other: yours may compress less"
    )
    # A record in the function's event without its base64 data, and the partition key on the stream.
    entry: int = 574
    key: int = 16
    # An item, and more for each byte of the order. DynamoDB adds 100 bytes in storage.
    item: int = 495
    item_per_byte: Decimal = Decimal("0.18")
    item_stored: int = 100
    # An entry of the index that has its keys alone.
    item_keys: int = 69
    # A line of the archive without its order; an object of gzip, and more for each line and byte of an order.
    line: int = 192
    archive_object: int = 400
    archive_line: int = 17
    archive_per_byte: Decimal = Decimal("0.236")
    # The same as Parquet.
    compacted_line: int = 23
    compacted_per_byte: Decimal = Decimal("0.211")
    # The log lines about a batch with orders in one currency, and the three that Lambda adds (assumed).
    log: int = 1850
    log_of_lambda: int = 400
    # Metrics in those lines, and once there are events; of the mapping (EventCount), billed as custom ones
    # (from memory, not verified); of a shard (ShardMetrics).
    metrics: int = 10
    event_metrics: int = 3
    mapping_metrics: int = 6
    shard_metrics: int = 2
    # Of template.yaml: metrics that its alarms read, alarms on other alarms, dashboards. With
    # Monitoring=essential, and no alarm on what waits for an event, there are no others than these.
    alarm_metrics: int = 34
    composite_alarms: int = 2
    dashboards: int = 1
    essential_alarm_metrics: int = 10


@dataclass(frozen=True)
class EventFigures:
    """An event of an order: what the function does for it, and bytes in the tables."""

    date: ClassVar = "2026-11-30"
    source: ClassVar = (
        "python -m bench.capacity: 1,000 orders of 600 bytes and four events of 128 bytes of each, every one"
        " in another batch; processor time in proportion to that of an order there"
    )
    # Processor time, without what its bytes take. An event in a batch with others of its order takes less.
    event_us: Decimal = Decimal("1050")
    # Calls: a query of the order's events, and its part of those that read items (100 in a call), insert the
    # row and update the item (25 each).
    calls: Decimal = Decimal("1.09")
    # A row without the event's own bytes; what an item grows by with its first event and each further one.
    row: int = 368
    item_first: int = 100
    item_next: int = 14


@dataclass(frozen=True)
class FeedFigures:
    """The change feed: an announcement, and what the function PublishChanges does for it."""

    date: ClassVar = "2026-11-30"
    source: ClassVar = (
        "python -m bench.capacity: 1,000 orders of 60 and 600 bytes and four events of each, without personal"
        " data; processor time in proportion to that of storing an order there. Lambda polls the stream of a"
        " table four times a second (docs.aws.amazon.com/lambda). The time of PutRecords is assumed"
    )
    # Bytes of an announcement: of any order, for each byte of it as sent, and more for an event.
    announcement: int = 512
    announcement_per_byte: Decimal = Decimal("0.215")
    announcement_of_event: int = 131
    # Processor time of an announcement of an order, and of an event, whose order's events are read.
    order_us: Decimal = Decimal("46")
    event_us: Decimal = Decimal("800")
    poll_seconds: Decimal = Decimal("0.25")
    # As in template.yaml.
    batch_size: int = 1000
    versions_per_call: int = 500
    call_ms: Decimal = Decimal("10")
    # The log line of a batch; its metric; what the alarms read, without and with an event bus.
    log: int = 300
    metrics: int = 1
    alarm_metrics: int = 1
    bus_alarm_metrics: int = 5


@dataclass(frozen=True)
class ReaderFigures:
    """Totals and webhooks: the units of their tables, which are on demand, for each version of an order."""

    date: ClassVar = "2026-11-30"
    source: ClassVar = "docs/how-to/totals.md and webhooks.md; the settings of template.yaml"
    total_writes: int = 6
    total_reads: int = 2
    total_alarms: int = 1
    # Of a delivery of 1 KB, and more for each further KB.
    delivery_writes: int = 4
    delivery_reads: int = 2
    delivery_writes_per_kb: int = 2
    # A sender of each webhook, which never ends.
    sender_mb: int = 512
    webhook_metrics: int = 4
    webhook_alarms: int = 2


@dataclass(frozen=True)
class MaintenanceFigures:
    """The archive's hourly maintenance: its settings in template.yaml, and the duration of a run."""

    date: ClassVar = "2026-11-25"
    source: ClassVar = (
        "docs/explanation/archive.md: seal and compact of 10,016 objects of ten orders each, without start,"
        " on two cores beside MiniStack; an order from writing 20,000 of 600 bytes as Parquet. On AWS some"
        " 20 ms an object, eight at a time: the same. An estimate: check MaintainArchive's Duration"
    )
    memory_mb: int = 2048
    timeout_seconds: int = 900
    # How long the bucket keeps replaced and deleted objects.
    noncurrent_days: int = 30
    # The start, sealing an object, then compacting it, and one order of it.
    start_ms: Decimal = Decimal("3000")
    seal_object_ms: Decimal = Decimal("2.2")
    compact_object_ms: Decimal = Decimal("2.7")
    compact_order_us: Decimal = Decimal("43")


@dataclass(frozen=True)
class ReferenceData:
    """All figures that a plan is calculated from. The defaults of each group are the figures themselves."""

    kinesis_prices: KinesisPrices = KinesisPrices()
    advantage_prices: AdvantagePrices = AdvantagePrices()
    lambda_prices: LambdaPrices = LambdaPrices()
    dynamodb_prices: DynamoPrices = DynamoPrices()
    reserved_prices: ReservedPrices = ReservedPrices()
    s3_prices: S3Prices = S3Prices()
    cloudwatch_prices: CloudWatchPrices = CloudWatchPrices()
    eventbridge_prices: EventBridgePrices = EventBridgePrices()
    request_prices: RequestPrices = RequestPrices()
    kinesis_limits: KinesisLimits = KinesisLimits()
    lambda_limits: LambdaLimits = LambdaLimits()
    dynamodb_limits: DynamoLimits = DynamoLimits()
    scaling: ScalingFigures = ScalingFigures()
    s3_limits: S3Limits = S3Limits()
    function: FunctionFigures = FunctionFigures()
    bytes: ByteFigures = ByteFigures()
    events: EventFigures = EventFigures()
    feed: FeedFigures = FeedFigures()
    readers: ReaderFigures = ReaderFigures()
    maintenance: MaintenanceFigures = MaintenanceFigures()
