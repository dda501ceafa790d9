"""The data that a plan is calculated from: AWS prices and limits, and measurements. Loaded elsewhere."""

from datetime import date
from decimal import Decimal

import msgspec

# As in the AWS Pricing Calculator.
HOURS_A_MONTH = 730
SECONDS_A_MONTH = HOURS_A_MONTH * 3600
KB = 1024
GB = 1024**3
MB = 1024**2

# (start of the tier, price per unit), the first starting at 0. Each unit costs the price of its own tier.
Tiers = tuple[tuple[Decimal, Decimal], ...]


def tiered(amount: Decimal, tiers: Tiers) -> Decimal:
    """Dollars for `amount` units, each part at the price of its tier."""
    dollars = Decimal(0)
    ends = [begin for begin, _ in tiers[1:]] + [max(amount, tiers[-1][0])]
    for (begin, price), end in zip(tiers, ends, strict=True):
        dollars += max(Decimal(0), min(amount, end) - begin) * price
    return dollars


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Figures from one source, with the source and the date they were read."""

    date: date
    source: str


class KinesisPrices(_Table, frozen=True):
    """US dollars; on-demand Standard first, then provisioned."""

    ingested_gb: Decimal
    retrieved_gb: Decimal
    fan_out_gb: Decimal
    stream_hour: Decimal
    extended_gb_month: Decimal
    long_term_gb_month: Decimal
    shard_hour: Decimal
    put_unit_million: Decimal
    extended_shard_hour: Decimal
    consumer_shard_hour: Decimal
    provisioned_fan_out_gb: Decimal


class AdvantagePrices(_Table, frozen=True):
    """US dollars for On-demand Advantage, an account setting; `least_mb_second` is the minimum billed."""

    ingested_gb: Decimal
    retrieved_gb: Decimal
    extended_gb_month: Decimal
    least_mb_second: Decimal


class LambdaPrices(_Table, frozen=True):
    """US dollars, arm64."""

    request_million: Decimal
    gb_second: Decimal
    gb_second_tiers: Tiers


class DynamoPrices(_Table, frozen=True):
    """US dollars, on demand, standard table class."""

    write_million: Decimal
    stored_gb_month: Decimal
    recovery_gb_month: Decimal
    warm_write_unit: Decimal


class S3Prices(_Table, frozen=True):
    """US dollars, S3 Standard."""

    put_thousand: Decimal
    get_thousand: Decimal
    stored_gb_month_tiers: Tiers


class CloudWatchPrices(_Table, frozen=True):
    """US dollars; `log_stored_share` is the stored share of a log's ingested bytes."""

    log_gb_tiers: Tiers
    log_stored_gb_month: Decimal
    log_stored_share: Decimal
    metric_month: Decimal
    metric_read_thousand: Decimal
    alarm_metric_month: Decimal
    alarm_composite_month: Decimal
    dashboard_month: Decimal


class RequestPrices(_Table, frozen=True):
    """US dollars, for services billed by request only; Athena bills at least `athena_least_mb`."""

    api_million: Decimal
    athena_tb: Decimal
    athena_least_mb: Decimal
    sns_million: Decimal
    sqs_million: Decimal
    kms_ten_thousand: Decimal
    trace_million: Decimal


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By service."""

    kinesis: KinesisPrices
    kinesis_advantage: AdvantagePrices
    lambda_: LambdaPrices = msgspec.field(name="lambda")
    dynamodb: DynamoPrices
    s3: S3Prices
    cloudwatch: CloudWatchPrices
    requests: RequestPrices


class KinesisLimits(_Table, frozen=True):
    """Bytes and records a second, numbers of shards."""

    shard_in_bytes: int
    shard_in_records: int
    shard_out_bytes: int
    shard_out_records: int
    on_demand_shards: int
    on_demand_growth: int
    on_demand_bytes: int
    on_demand_bytes_elsewhere: int
    shards: int
    shards_elsewhere: int
    put_unit_bytes: int
    fan_out_seconds: Decimal


class LambdaLimits(_Table, frozen=True):
    """Limits of an invocation, an account and an event source mapping."""

    payload_bytes: int
    concurrency: int
    poll_seconds: Decimal
    batch_size: int
    parallelization_factor: int


class DynamoLimits(_Table, frozen=True):
    """Write units a second."""

    new_table_writes: int
    growth: int
    partition_writes: int
    table_writes: int


class S3Limits(_Table, frozen=True):
    """Requests a second."""

    prefix_puts: int


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By service."""

    kinesis: KinesisLimits
    lambda_: LambdaLimits = msgspec.field(name="lambda")
    dynamodb: DynamoLimits
    s3: S3Limits


class FunctionFigures(_Table, frozen=True):
    """The function: its settings in template.yaml, processor time and waits. Units are in the names."""

    memory_mb: int
    timeout_seconds: int
    mb_per_processor: int
    threads: int
    orders_per_call: int
    batch_ms: Decimal
    order_us: Decimal
    byte_us: Decimal
    put_ms: Decimal
    table_ms: Decimal
    bucket_ms: Decimal
    between_ms: Decimal
    tutorial_order_ms: Decimal


class ByteFigures(_Table, frozen=True):
    """Bytes: in the event, on the stream, of an item, in the archive, in the log; and how many metrics."""

    entry: int
    key: int
    item: int
    item_per_byte: Decimal
    item_stored: int
    line: int
    archive_object: int
    archive_line: int
    archive_per_byte: Decimal
    compacted_line: int
    compacted_per_byte: Decimal
    log: int
    log_of_lambda: int
    metrics: int
    mapping_metrics: int
    shard_metrics: int
    alarm_metrics: int
    composite_alarms: int
    dashboards: int


class MaintenanceFigures(_Table, frozen=True):
    """Archive maintenance: its settings in template.yaml, and a run's duration. Units are in the names."""

    memory_mb: int
    timeout_seconds: int
    noncurrent_days: int
    start_ms: Decimal
    seal_object_ms: Decimal
    compact_object_ms: Decimal
    compact_order_us: Decimal


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """This project's measurements."""

    function: FunctionFigures
    bytes: ByteFigures
    maintenance: MaintenanceFigures


class ReferenceData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All reference data, structured as in `aws/pricing.toml`."""

    region: str
    prices: Prices
    limits: Limits
    measured: Measured
