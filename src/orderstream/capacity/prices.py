"""AWS prices, with their sources.

They are list prices of us-east-1 in US dollars, without free tiers and discounts; a GB is 2^30 bytes, as in
AWS's own examples. Each group has its source and the date on which it was read.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

REGION = "us-east-1"
# As in the AWS Pricing Calculator.
HOURS_A_MONTH = 730
SECONDS_A_MONTH = HOURS_A_MONTH * 3600
DAYS_A_MONTH = Decimal(HOURS_A_MONTH) / 24
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


def _tiers(*tiers: tuple[int, str]) -> Tiers:
    return tuple((Decimal(begin), Decimal(price)) for begin, price in tiers)


@dataclass(frozen=True)
class KinesisPrices:
    """On-demand Standard and provisioned. Ingested data is billed by whole KB of each record."""

    date: ClassVar = "2026-11-24"
    source: ClassVar = (
        "aws.amazon.com/kinesis/data-streams/pricing for the units; amounts from Infracost's"
        " kinesis_stream_test.golden (AWS's price list) and trek10.com's comparison of the modes, which agree"
    )
    # On-demand Standard. Retention is extended after a day, and long-term after seven.
    ingested_gb: Decimal = Decimal("0.08")
    retrieved_gb: Decimal = Decimal("0.04")
    fan_out_gb: Decimal = Decimal("0.05")
    stream_hour: Decimal = Decimal("0.04")
    extended_gb_month: Decimal = Decimal("0.10")
    long_term_gb_month: Decimal = Decimal("0.023")
    # Provisioned.
    shard_hour: Decimal = Decimal("0.015")
    put_unit_million: Decimal = Decimal("0.014")
    extended_shard_hour: Decimal = Decimal("0.02")
    consumer_shard_hour: Decimal = Decimal("0.015")
    provisioned_fan_out_gb: Decimal = Decimal("0.013")


@dataclass(frozen=True)
class AdvantagePrices:
    """On-demand Advantage, a setting of the account. `least_mb_second` is billed at least, in and out."""

    date: ClassVar = "2026-11-24"
    source: ClassVar = (
        'a setting of the account; docs.aws.amazon.com/streams says "at least 60% lower", the AWS Big Data'
        " Blog that it pays from 10 MiB/s on. The amounts and the minimum are from secondary sources and were"
        " not read from AWS: check them before you decide"
    )
    ingested_gb: Decimal = Decimal("0.032")
    retrieved_gb: Decimal = Decimal("0.016")
    extended_gb_month: Decimal = Decimal("0.023")
    least_mb_second: Decimal = Decimal("25")


@dataclass(frozen=True)
class LambdaPrices:
    """The arm64 architecture; duration is billed by the millisecond, in tiers of GB-seconds a month."""

    date: ClassVar = "2026-11-24"
    source: ClassVar = (
        "aws.amazon.com/lambda/pricing; tiers from AWS's Compute Blog, \"Introducing tiered pricing for AWS"
        " Lambda\", and Infracost's lambda_function_test.golden"
    )
    request_million: Decimal = Decimal("0.20")
    gb_second: Decimal = Decimal("0.0000133334")
    gb_second_tiers: Tiers = _tiers(
        (0, "0.0000133334"), (7_500_000_000, "0.0000120001"), (18_750_000_000, "0.0000106667")
    )


@dataclass(frozen=True)
class DynamoPrices:
    """On demand and provisioned, standard table class and Infrequent Access. A unit is a write of up to 1 KB;
    an index takes as many again. A read unit is a consistent read of up to 4 KB.
    """

    date: ClassVar = "2026-11-30"
    source: ClassVar = (
        "aws.amazon.com/dynamodb/pricing/on-demand and /provisioned; storage, backup and provisioned units"
        " from Infracost's dynamodb_table_test.golden; Infrequent Access from help.nops.io/inform (storage"
        " 60% less, throughput 25% more); that recovery costs the same for 1 to 35 days from"
        " docs.aws.amazon.com/amazondynamodb; warming, an hour of a provisioned unit, from memory, not"
        " verified"
    )
    write_million: Decimal = Decimal("0.625")
    read_million: Decimal = Decimal("0.125")
    write_unit_hour: Decimal = Decimal("0.00065")
    read_unit_hour: Decimal = Decimal("0.00013")
    stored_gb_month: Decimal = Decimal("0.25")
    infrequent_gb_month: Decimal = Decimal("0.10")
    # Of every write and read, on demand or provisioned.
    infrequent_throughput: Decimal = Decimal("1.25")
    # Point-in-time recovery covers the table without its indexes.
    recovery_gb_month: Decimal = Decimal("0.20")
    # Once, for each unit above the table's current capacity.
    warm_write_unit: Decimal = Decimal("0.00065")


@dataclass(frozen=True)
class ReservedPrices:
    """A hundred provisioned write units, reserved: paid once, and then by the hour. Not for Infrequent
    Access.
    """

    date: ClassVar = "2026-11-30"
    source: ClassVar = (
        "docs.aws.amazon.com/amazondynamodb/latest/developerguide/reserved-capacity.html: up to 54% less for"
        " one year and 77% for three, in blocks of 100. The amounts are from memory; they make just these"
        " percentages"
    )
    block_units: int = 100
    one_year_once: Decimal = Decimal("150")
    one_year_hour: Decimal = Decimal("0.0128")
    three_years_once: Decimal = Decimal("180")
    three_years_hour: Decimal = Decimal("0.0081")


@dataclass(frozen=True)
class S3Prices:
    """S3 Standard, with storage in tiers of GB, and Glacier Instant Retrieval, which charges for reads."""

    date: ClassVar = "2026-11-30"
    source: ClassVar = (
        "aws.amazon.com/s3/pricing; Infracost's s3_bucket_test.golden; Glacier from"
        " c3x.dev/blog/s3-storage-class-comparison and techlama.blog, which agree; the tiers and the price of"
        " a transition from memory, not verified"
    )
    put_thousand: Decimal = Decimal("0.005")
    get_thousand: Decimal = Decimal("0.0004")
    stored_gb_month_tiers: Tiers = _tiers((0, "0.023"), (51_200, "0.022"), (512_000, "0.021"))
    # Of objects above the smallest size that the template's lifecycle rule moves.
    glacier_gb_month: Decimal = Decimal("0.004")
    glacier_move_thousand: Decimal = Decimal("0.02")
    least_bytes_to_move: int = 128 * KB


@dataclass(frozen=True)
class CloudWatchPrices:
    """Logs of Lambda in tiers of GB, metrics, alarms, dashboards."""

    date: ClassVar = "2026-11-24"
    source: ClassVar = (
        "tiers of Lambda's logs as announced by AWS for May 2025 and checked by duckbillgroup.com (60 TB:"
        " $12,500); storage, metrics and the free tier from aws.amazon.com/cloudwatch/pricing, from memory,"
        " not verified"
    )
    log_gb_tiers: Tiers = _tiers((0, "0.50"), (10_240, "0.25"), (30_720, "0.10"), (51_200, "0.05"))
    # Logs are stored compressed, in about a seventh of their bytes.
    log_stored_gb_month: Decimal = Decimal("0.03")
    log_stored_share: Decimal = Decimal("0.15")
    metric_month: Decimal = Decimal("0.30")
    # GetMetricData, for each metric.
    metric_read_thousand: Decimal = Decimal("0.01")
    # For each metric of an alarm (a band counts as three), for each composite alarm, for each dashboard.
    alarm_metric_month: Decimal = Decimal("0.10")
    alarm_composite_month: Decimal = Decimal("0.50")
    dashboard_month: Decimal = Decimal("3.00")
    # Free for ever, in each account: not subtracted from a bill.
    free_metrics: int = 10
    free_alarms: int = 10


@dataclass(frozen=True)
class EventBridgePrices:
    """Requests of a pipe, and events that are put on an event bus. Each started chunk of an event counts."""

    date: ClassVar = "2026-11-30"
    source: ClassVar = (
        "aws.amazon.com/eventbridge/pricing, as told by cloudburn.io (March 2026); AWS does not say whether a"
        " batch of a pipe is one request: each of its events is counted"
    )
    pipe_million: Decimal = Decimal("0.40")
    event_million: Decimal = Decimal("1.00")
    chunk_bytes: int = 64 * KB


@dataclass(frozen=True)
class RequestPrices:
    """Services billed by request only. Athena's requests to S3 are billed on top."""

    date: ClassVar = "2026-11-29"
    source: ClassVar = (
        "aws.amazon.com/api-gateway/pricing, worked examples (HTTP APIs, up to 512 KB); the other services"
        " from memory, not verified"
    )
    secret_month: Decimal = Decimal("0.40")
    api_million: Decimal = Decimal("1.00")
    athena_tb: Decimal = Decimal("5.00")
    # The minimum of a query.
    athena_least_mb: Decimal = Decimal("10")
    sns_million: Decimal = Decimal("0.50")
    sqs_million: Decimal = Decimal("0.40")
    kms_ten_thousand: Decimal = Decimal("0.03")
    trace_million: Decimal = Decimal("5.00")
