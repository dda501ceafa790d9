"""Calculates the maximum cost of a run on AWS: list prices, and the checks' usage of each service."""

from __future__ import annotations

from decimal import Decimal

from orderstream.acceptance import athena, delivery, http_api, latency
from orderstream.acceptance.deployment import PARAMETERS
from orderstream.capacity.prices import GB, HOURS_A_MONTH
from orderstream.capacity.reference_data import ReferenceData

# In addition to the numbers below: orders for an alarm, the API and an update.
_OTHER_ORDERS = 20
SENT = (
    2 * (delivery.DUPLICATES + delivery.CONFLICTS)
    + delivery.INVALID
    + delivery.DISCARDED
    + delivery.RESHARDED
    + 2 * latency.ORDERS
    + _OTHER_ORDERS
)
# The canary runs every five minutes, the maintenance hourly.
_CANARIES_AN_HOUR = 12
# The switch to enhanced fan-out rereads the whole stream.
_READINGS = 2
# Each in a separate invocation of one second, many times the actual duration.
_SECONDS = 1
_MAINTENANCE_SECONDS = 60
_CANARY_GB = Decimal("0.25")
# An item and its index entry, two units each, at the price of an on-demand table.
_UNITS_A_WRITE = 4
# What is provisioned for two tables and two indexes, in write units, of which a read unit costs a fifth.
_PROVISIONED_UNITS = (
    2 * int(PARAMETERS["TableWriteMinimum"])
    + int(PARAMETERS["EventWriteMinimum"])
    + 1
    + Decimal(3 * int(PARAMETERS["TableReadMinimum"]) + 1) / 5
)
# A target and a policy for reads and one for writes, of four tables and indexes, with four alarms each.
_SCALING_ALARMS = 2 * 4 * 4
_SHARDS = 2
# The stack has one shard, then two, then one, then four on demand.
_SHARDS_EVER = 8
# For the canary, the maintenance and the HTTP API, which a plan's figures do not include.
_MORE_ALARM_METRICS, _MORE_METRICS = 5, 3
# Waiting polls every three seconds for some minutes.
_METRICS_READ, _MESSAGES = 3_000, 2_000
# Code, templates, listings, and archive reads by `orders stack verify`.
_WRITES_TO_S3, _READS_OF_S3 = 5_000, 100_000
_OTHER_REQUESTS = 100
# Each user of the stream requests a key from KMS every five minutes.
_KMS_AN_HOUR = 200
_MEGABYTES_A_TB = 1_000_000
# The first year is that of template.yaml. For Athena, each has 12 months of 31 days of 24 hours.
_FIRST_YEAR = 2026
_HOURS_A_YEAR = 12 * 31 * 24
# The tables that a query on all hours lists: lines, quarantine, compacted.
_TABLES = 3

Bill = dict[str, Decimal]


def most(*, hours: Decimal, year: int) -> Bill:
    """Maximum US dollars by service, for a run of `hours` in `year`. Excludes free tiers."""
    one = ReferenceData()
    millions = Decimal(1_000_000)
    delivered = (SENT + _CANARIES_AN_HOUR * hours) * _READINGS
    calls = http_api.REQUESTS + _OTHER_REQUESTS
    month = hours / HOURS_A_MONTH
    gb_seconds = (delivered + calls) * _SECONDS * one.function.memory_mb / 1024
    gb_seconds += (hours + 1) * _MAINTENANCE_SECONDS * one.maintenance.memory_mb / 1024
    gb_seconds += _CANARIES_AN_HOUR * hours * latency.OBJECTIVE_MS / 1000 * _CANARY_GB
    lists = athena.FULL_QUERIES * _TABLES * _HOURS_A_YEAR * (year - _FIRST_YEAR + 1)
    logged = (delivered + calls) * (one.bytes.log + one.bytes.log_of_lambda) / GB
    watch = one.cloudwatch_prices
    metrics = (
        one.bytes.metrics
        + 2 * one.bytes.mapping_metrics
        + _SHARDS_EVER * one.bytes.shard_metrics
        + _MORE_METRICS
    )
    request = one.request_prices
    return {
        "Kinesis": hours
        * (
            _SHARDS * (one.kinesis_prices.shard_hour + one.kinesis_prices.consumer_shard_hour)
            + one.kinesis_prices.stream_hour
        )
        + delivered * one.kinesis_prices.put_unit_million / millions,
        "Lambda": gb_seconds * one.lambda_prices.gb_second
        + (delivered + calls) * one.lambda_prices.request_million / millions,
        "DynamoDB": delivered * _UNITS_A_WRITE * one.dynamodb_prices.write_million / millions
        + hours * _PROVISIONED_UNITS * one.dynamodb_prices.warm_write_unit,
        "S3": (_WRITES_TO_S3 + delivered + lists) * one.s3_prices.put_thousand / 1000
        + _READS_OF_S3 * one.s3_prices.get_thousand / 1000,
        "CloudWatch": month
        * (
            (one.bytes.alarm_metrics + _MORE_ALARM_METRICS + _SCALING_ALARMS) * watch.alarm_metric_month
            + one.bytes.composite_alarms * watch.alarm_composite_month
            + one.bytes.dashboards * watch.dashboard_month
            + metrics * watch.metric_month
        )
        + logged * watch.log_gb_tiers[0][1]
        + _METRICS_READ * watch.metric_read_thousand / 1000,
        "Athena": athena.QUERIES * request.athena_least_mb * request.athena_tb / _MEGABYTES_A_TB,
        "API Gateway": calls * request.api_million / millions,
        "SNS, SQS": _MESSAGES * (request.sns_million + request.sqs_million) / millions,
        "KMS": _KMS_AN_HOUR * hours * request.kms_ten_thousand / 10_000,
        "X-Ray": (delivered + calls) * request.trace_million / millions,
    }
