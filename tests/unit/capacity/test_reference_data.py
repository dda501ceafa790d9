"""What a plan rests on is true elsewhere in this project: in the template, the measurements, the pipeline."""

from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from orderstream.aws.kinesis_event import EventOrigin, entry
from orderstream.capacity.demand import RETENTION_HOURS, WINDOW_SECONDS, Options
from orderstream.capacity.function import DEFAULT_BATCH_SIZE, seconds_of
from orderstream.capacity.parameters import parameters, record_age_seconds
from orderstream.capacity.reference_data import FunctionFigures, ReferenceData
from orderstream.client.queue import MAX_BATCH_RECORDS
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import declared, document
from orderstream.local.emf import metrics_of_line
from orderstream.local.esm import lanes
from orderstream.pipeline import telemetry
from orderstream.pipeline.batch_result import BatchResult
from orderstream.pipeline.concurrency import MEGABYTES_PER_PROCESSOR, threads_for
from orderstream.pipeline.statements import STATEMENTS_PER_CALL
from tests.unit.capacity.examples import plan_input, sizing

FIGURES = ReferenceData()
DOCUMENT = document(TEMPLATE)
PARAMETERS: dict[str, dict[str, Any]] = DOCUMENT["Parameters"]
FUNCTION = DOCUMENT["Resources"]["ProcessOrders"]["Properties"]
MAINTAIN_ARCHIVE = DOCUMENT["Resources"]["MaintainArchive"]["Properties"]


def test_bounds_and_defaults_are_the_templates() -> None:
    bounds = {name: (one.get("MinValue"), one.get("MaxValue")) for name, one in PARAMETERS.items()}
    assert tuple(PARAMETERS["RetentionHours"]["AllowedValues"]) == RETENTION_HOURS
    assert bounds["BatchWindowSeconds"] == (WINDOW_SECONDS.start, WINDOW_SECONDS.stop - 1)
    assert bounds["BatchSize"][1] == FIGURES.lambda_limits.batch_size
    assert bounds["ParallelizationFactor"][1] == FIGURES.lambda_limits.parallelization_factor
    defaults = {name: one["Default"] for name, one in PARAMETERS.items()}
    assert defaults["BatchSize"] == DEFAULT_BATCH_SIZE
    assert defaults["MaximumRecordAgeSeconds"] == "0"
    usual = Options()
    assert defaults["RetentionHours"] == usual.retention_hours
    assert defaults["BatchWindowSeconds"] == usual.window_seconds
    assert defaults["ArchiveLayout"] == usual.layout
    assert defaults["CustomerIndex"] == str(usual.has_index).lower()
    assert defaults["EnhancedFanOut"] == str(usual.fan_out).lower()
    assert defaults["Monitoring"] == usual.monitoring
    assert defaults["ShardMetrics"] == str(usual.shard_metrics).lower()
    assert defaults["ArchiveMaintenance"] == usual.maintenance
    assert defaults["NoncurrentDays"] == FIGURES.maintenance.noncurrent_days


def test_orders_are_discarded_at_nine_tenths_of_the_retention_and_after_seven_days_at_most() -> None:
    # A template cannot calculate, so it has each of them.
    ages = {int(hours): one["Seconds"] for hours, one in DOCUMENT["Mappings"]["RecordAge"].items()}
    assert ages == {hours: record_age_seconds(hours) for hours in RETENTION_HOURS}
    for hours, seconds in ages.items():
        assert seconds == min(Decimal(hours) * 3600 * 9 / 10, 604_800)
        assert seconds < hours * 3600


def test_the_function_is_planned_as_it_is_deployed() -> None:
    one = FIGURES.function
    assert (FUNCTION["MemorySize"], FUNCTION["Timeout"]) == (one.memory_mb, one.timeout_seconds)
    assert DOCUMENT["Globals"]["Function"]["Architectures"] == ["arm64"]
    assert threads_for(one.memory_mb) == one.threads
    assert (MEGABYTES_PER_PROCESSOR, STATEMENTS_PER_CALL) == (one.mb_per_processor, one.orders_per_call)
    maintenance = FIGURES.maintenance
    assert (MAINTAIN_ARCHIVE["MemorySize"], MAINTAIN_ARCHIVE["Timeout"]) == (
        maintenance.memory_mb,
        maintenance.timeout_seconds,
    )
    assert lanes.MAX_EVENT_BYTES == FIGURES.lambda_limits.payload_bytes


def test_the_change_feed_is_planned_as_it_is_deployed() -> None:
    one, resources = FIGURES.feed, DOCUMENT["Resources"]
    assert resources["OrdersToChanges"]["Properties"]["BatchSize"] == one.batch_size
    assert resources["PublishChanges"]["Properties"]["MemorySize"] == FIGURES.function.memory_mb
    assert one.versions_per_call == MAX_BATCH_RECORDS
    metrics = [one for one in resources["EventBusAlarm"]["Properties"]["Metrics"] if "MetricStat" in one]
    assert len(metrics) == FIGURES.feed.bus_alarm_metrics
    assert "MetricName" in resources["FeedAgeAlarm"]["Properties"] and one.alarm_metrics == 1


# By `make bench` on 2026-11-24, with 5 ms for the table and 20 ms for the bucket: microseconds per order in
# batches of 1,000, of the processor and in all.
@pytest.mark.parametrize(("size", "processor_us", "wall_us"), [(60, 54.7, 97.4), (600, 90.3, 148.3)])
def test_the_duration_of_a_batch_is_what_was_measured_to_a_seventh(
    size: int, processor_us: float, wall_us: float
) -> None:
    # On a whole processor, with as many threads as that is good for.
    one = FunctionFigures(memory_mb=1769, threads=threads_for(1769))
    fitted = one.batch_ms + one.order_us + one.byte_us * size
    assert float(fitted) == pytest.approx(processor_us, rel=1 / 7)
    given = replace(plan_input(1, size=size), figures=ReferenceData(function=one))
    assert float(seconds_of(Decimal(1000), given) * 1000) == pytest.approx(wall_us, rel=1 / 7)


# Calls in threads, as they are on AWS, cost more than these, which were answered at once.
@pytest.mark.parametrize(
    ("batch", "size", "processor_us"),
    [(100, 60, 83.1), (100, 600, 92.3), (1000, 60, 48.9), (1000, 600, 76.7)],
)
def test_processor_time_is_not_below_what_was_measured(batch: int, size: int, processor_us: float) -> None:
    one = FIGURES.function
    assert float(one.batch_ms * 1000 / batch + one.order_us + one.byte_us * size) >= processor_us * 0.93


@pytest.mark.parametrize("wall_ms", [29.7, 31.2])
def test_the_tutorials_order_is_what_was_measured_to_a_tenth(wall_ms: float) -> None:
    one = FIGURES.function
    assert float(one.table_ms + one.bucket_ms + one.tutorial_order_ms) == pytest.approx(wall_ms, rel=0.1)


def test_a_record_in_an_event_has_the_size_that_is_planned() -> None:
    one = FIGURES.bytes
    role = "arn:aws:iam::123456789012:role/orderstream-ProcessOrdersRole-ABCDEFGHIJKL"
    origin = EventOrigin(
        "arn:aws:kinesis:us-east-1:123456789012:stream/OrderStream", "shardId-000000000006", role
    )
    found = entry(origin, sequence_number="4" * 56, partition_key="C" * one.key, data=b"", arrived_at=1e9)
    assert len(found) == pytest.approx(one.entry, rel=0.02)


def test_the_metrics_that_are_billed_are_those_of_the_log_lines_about_one_currency() -> None:
    now, report = datetime.now(UTC), BatchResult(latencies=[1], revenue={"EUR": Decimal(1)})
    first = telemetry.log_line(
        report, [], stack="s", objective_seconds=1, request_id="r", cold=False, now=now
    )
    lines = [first, *telemetry.revenue_lines(report.revenue, stack="s", now=now)]
    assert FIGURES.bytes.metrics == sum(len(metrics_of_line(line, 0)) for line in lines)


def test_the_alarms_and_dashboards_that_are_billed_are_those_of_the_template() -> None:
    one = FIGURES.bytes
    # Those that a parameter adds are not billed.
    full = _monitoring(None, "WithFullMonitoring", "WithPendingAlarm")
    assert full == (one.alarm_metrics, one.composite_alarms, one.dashboards)
    assert _monitoring(None) == (one.essential_alarm_metrics, 0, 0)


def _monitoring(*conditions: str | None) -> tuple[int, int, int]:
    """Metrics that alarms read, composite alarms and dashboards, of the resources with these conditions."""
    made = [found for found in DOCUMENT["Resources"].values() if found.get("Condition") in conditions]
    alarms = [found["Properties"] for found in made if found["Type"] == "AWS::CloudWatch::Alarm"]
    metrics = 0
    for alarm in alarms:
        queries = [
            query["Fn::If"][1] if "Fn::If" in query else query
            for query in alarm.get("Metrics", [{"MetricStat": {}}])
        ]
        metrics += sum("MetricStat" in query for query in queries)
        # A band is two more: its upper and its lower bound.
        metrics += 2 * ("ThresholdMetricId" in alarm)
    kinds = Counter(found["Type"] for found in made)
    return metrics, kinds["AWS::CloudWatch::CompositeAlarm"], kinds["AWS::CloudWatch::Dashboard"]


def test_every_figure_has_a_source_and_a_date() -> None:
    for field in fields(FIGURES):
        group = getattr(FIGURES, field.name)
        assert group.source and date.fromisoformat(group.date).year >= 2026


def test_a_plan_warms_the_table_and_the_stream_for_its_peak() -> None:
    found = sizing(2000, 5, mode="on-demand")
    assert found.stream.warm_mib == 13
    assert parameters(found, Options())["TableWarmWriteUnits"] == "12500"
    assert declared(TEMPLATE)["StreamWarmThroughputMiBps"].problem("13") == ""
    # A new table and stream have as much capacity as this needs.
    calm = sizing(10, 10, mode="on-demand")
    assert (calm.table.warm_units, calm.stream.warm_mib) == (0, 0)
