"""What a plan rests on is true elsewhere in this project: in the template, the measurements, the pipeline."""

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from orderstream.aws.kinesis_event import EventOrigin, entry
from orderstream.aws.pricing import reference_data
from orderstream.capacity.demand import RETENTION_HOURS, WINDOW_SECONDS, Demand, Layout, Mode, Options
from orderstream.capacity.function import DEFAULT_BATCH_SIZE, seconds_of
from orderstream.capacity.plan import plan, record_age_seconds
from orderstream.deploy.artifact import PROJECT, TEMPLATE
from orderstream.deploy.parameters import declared, document
from orderstream.local.emf import metrics_of_line
from orderstream.local.esm import lanes
from orderstream.output.plan import command
from orderstream.pipeline import telemetry
from orderstream.pipeline.concurrency import MEGABYTES_PER_PROCESSOR, threads_for
from orderstream.pipeline.process import BatchResult
from orderstream.pipeline.table import STATEMENTS_PER_CALL

FIGURES = reference_data()
DOCUMENT = document(TEMPLATE)
PARAMETERS: dict[str, dict[str, Any]] = DOCUMENT["Parameters"]
FUNCTION = DOCUMENT["Resources"]["ProcessOrders"]["Properties"]
MAINTAIN_ARCHIVE = DOCUMENT["Resources"]["MaintainArchive"]["Properties"]
HANDLERS = json.loads((PROJECT / "docs" / "performance.json").read_text())["handlers"]["figures"]


@pytest.mark.parametrize("mode", ["shards", "on-demand"])
@pytest.mark.parametrize("layout", ["batch", "order"])
@pytest.mark.parametrize(
    ("rate", "size", "hours", "window", "has_index"),
    [
        (0.01, 1, 24, 0, False),
        (2000, 800, 72, 1, True),
        (1_000_000, 60, 8760, 300, True),
        (9, 409_600, 168, 5, False),
    ],
)
def test_what_is_to_be_deployed_is_what_the_template_takes(
    mode: Mode, layout: Layout, rate: float, size: int, hours: int, window: int, has_index: bool
) -> None:
    choices = Options(mode, hours, layout, has_index, window)
    average = Decimal(str(rate))
    found = plan(Demand(average, average * 5, size), choices, FIGURES).parameters
    known = declared(TEMPLATE)
    assert {name: known[name].problem(value) for name, value in found.items()} == dict.fromkeys(found, "")


def test_enhanced_fan_out_is_deployed_where_it_is_reckoned_in() -> None:
    for fan_out, said in ((True, "true"), (False, "false")):
        choices = Options(fan_out=fan_out)
        found = plan(Demand(Decimal(100), Decimal(100), 800), choices, FIGURES).parameters
        assert found["EnhancedFanOut"] == said


def test_bounds_and_defaults_are_the_templates() -> None:
    bounds = {name: (one.get("MinValue"), one.get("MaxValue")) for name, one in PARAMETERS.items()}
    assert tuple(PARAMETERS["RetentionHours"]["AllowedValues"]) == RETENTION_HOURS
    assert bounds["BatchWindowSeconds"] == (WINDOW_SECONDS.start, WINDOW_SECONDS.stop - 1)
    assert bounds["BatchSize"][1] == FIGURES.limits.lambda_.batch_size
    assert bounds["ParallelizationFactor"][1] == FIGURES.limits.lambda_.parallelization_factor
    defaults = {name: one["Default"] for name, one in PARAMETERS.items()}
    assert defaults["BatchSize"] == DEFAULT_BATCH_SIZE
    assert defaults["MaximumRecordAgeSeconds"] == "0"
    # A template cannot calculate, so it has each of them.
    assert DOCUMENT["Mappings"]["RecordAge"] == {
        str(hours): {"Seconds": record_age_seconds(hours)} for hours in RETENTION_HOURS
    }
    usual = Options()
    assert defaults["RetentionHours"] == usual.retention_hours
    assert defaults["BatchWindowSeconds"] == usual.window_seconds
    assert defaults["ArchiveLayout"] == usual.layout
    assert defaults["CustomerIndex"] == str(usual.has_index).lower()
    assert defaults["EnhancedFanOut"] == str(usual.fan_out).lower()
    assert defaults["ShardMetrics"] == str(usual.shard_metrics).lower()
    assert defaults["ArchiveMaintenance"] == usual.maintenance
    assert defaults["NoncurrentDays"] == FIGURES.measured.maintenance.noncurrent_days


def test_orders_are_given_up_at_nine_tenths_of_the_retention_and_after_seven_days_at_most() -> None:
    ages = {int(hours): one["Seconds"] for hours, one in DOCUMENT["Mappings"]["RecordAge"].items()}
    assert ages == {hours: record_age_seconds(hours) for hours in RETENTION_HOURS}
    for hours, seconds in ages.items():
        assert seconds == min(Decimal(hours) * 3600 * 9 / 10, 604_800)
        assert seconds < hours * 3600


def test_the_function_is_reckoned_as_it_is_deployed() -> None:
    one = FIGURES.measured.function
    assert (FUNCTION["MemorySize"], FUNCTION["Timeout"]) == (one.memory_mb, one.timeout_seconds)
    assert DOCUMENT["Globals"]["Function"]["Architectures"] == ["arm64"]
    assert threads_for(one.memory_mb) == one.threads
    assert (MEGABYTES_PER_PROCESSOR, STATEMENTS_PER_CALL) == (one.mb_per_processor, one.orders_per_call)
    maintenance = FIGURES.measured.maintenance
    assert (MAINTAIN_ARCHIVE["MemorySize"], MAINTAIN_ARCHIVE["Timeout"]) == (
        maintenance.memory_mb,
        maintenance.timeout_seconds,
    )
    assert lanes.MAX_EVENT_BYTES == FIGURES.limits.lambda_.payload_bytes


@pytest.mark.parametrize("size", [60, 600])
@pytest.mark.parametrize("batch", [100, 1000])
def test_processor_time_is_what_was_measured_to_a_seventh(batch: int, size: int) -> None:
    one = FIGURES.measured.function
    for table_ms, bucket_ms in ((0, 0), (5, 20)):
        setting = {"batch": batch, "size": size, "table_ms": table_ms, "bucket_ms": bucket_ms}
        for figure in HANDLERS:
            if figure["peer"] == "orderstream" and figure["setting"] == setting:
                fitted = one.batch_ms * 1000 / batch + one.order_us + one.byte_us * size
                measured = figure["cpu_us"] + figure["parse_us"]
                # Calls in threads, as they are on AWS, cost more than those that are answered at once.
                assert float(fitted) >= measured * 0.93
                if table_ms:
                    assert float(fitted) == pytest.approx(measured, rel=1 / 7)


@pytest.mark.parametrize("size", [60, 600])
def test_the_wait_of_a_batch_is_what_was_measured_to_a_seventh(size: int) -> None:
    # Measured on a whole processor, with as many threads as that is good for.
    one = msgspec.structs.replace(FIGURES.measured.function, memory_mb=1769, threads=threads_for(1769))
    measured = msgspec.structs.replace(FIGURES.measured, function=one)
    alike = msgspec.structs.replace(FIGURES, measured=measured)
    setting = {"batch": 1000, "size": size, "table_ms": 5, "bucket_ms": 20}
    (figure,) = [
        figure for figure in HANDLERS if figure["peer"] == "orderstream" and figure["setting"] == setting
    ]
    wall = (figure["wall_us"] + figure["parse_us"]) * 1000 / 1e6
    assert float(seconds_of(Decimal(1000), size, "batch", alike)) == pytest.approx(wall, rel=1 / 7)


def test_the_tutorials_order_is_what_was_measured_to_a_tenth() -> None:
    one = FIGURES.measured.function
    for figure in HANDLERS:
        if figure["peer"] == "naive" and figure["setting"]["table_ms"]:
            wall = float(one.table_ms + one.bucket_ms + one.tutorial_order_ms)
            assert figure["wall_us"] / 1000 == pytest.approx(wall, rel=0.1)


def test_a_record_in_an_event_takes_what_the_plan_reckons() -> None:
    one = FIGURES.measured.bytes
    role = "arn:aws:iam::123456789012:role/orderstream-ProcessOrdersRole-ABCDEFGHIJKL"
    origin = EventOrigin(
        "arn:aws:kinesis:us-east-1:123456789012:stream/OrderStream", "shardId-000000000006", role
    )
    found = entry(origin, sequence_number="4" * 56, partition_key="C" * one.key, data=b"", arrived_at=1e9)
    assert len(found) == pytest.approx(one.entry, rel=0.02)


def test_the_metrics_that_are_reckoned_are_those_of_the_functions_lines_about_orders_in_one_currency() -> (
    None
):
    now, report = datetime.now(UTC), BatchResult(latencies=[1], revenue={"EUR": Decimal(1)})
    first = telemetry.log_line(
        report, [], stack="s", objective_seconds=1, request_id="r", cold=False, now=now
    )
    lines = [first, *telemetry.revenue_lines(report.revenue, stack="s", now=now)]
    assert FIGURES.measured.bytes.metrics == sum(len(metrics_of_line(line, 0)) for line in lines)


def test_the_alarms_and_dashboards_that_are_reckoned_are_those_of_the_template() -> None:
    one = FIGURES.measured.bytes
    # Those by parameter are not reckoned.
    made = [found for found in DOCUMENT["Resources"].values() if "Condition" not in found]
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
    assert one.alarm_metrics == metrics
    assert one.composite_alarms == kinds["AWS::CloudWatch::CompositeAlarm"]
    assert one.dashboards == kinds["AWS::CloudWatch::Dashboard"]


def _with_everything(value: dict[str, Any]) -> dict[str, Any]:
    """What stands there if its condition holds."""
    kept: dict[str, Any] = value["Fn::If"][1] if "Fn::If" in value else value
    return kept


def test_every_figure_has_a_source_and_a_date() -> None:
    for group in (FIGURES.prices, FIGURES.limits, FIGURES.measured):
        for name in group.__struct_fields__:
            table = getattr(group, name)
            assert table.source and table.date.year >= 2026


def test_a_plan_warms_table_and_stream_with_parameters_that_the_template_takes() -> None:
    found = plan(Demand(Decimal(2000), Decimal(10_000), 800), Options(mode="on-demand"), FIGURES)
    known = declared(TEMPLATE)
    assert found.parameters["TableWarmWriteUnits"] == "12500"
    assert "--parameter TableWarmWriteUnits=12500" in command(found)
    assert {name: known[name].problem(value) for name, value in found.parameters.items()} == dict.fromkeys(
        found.parameters, ""
    )
    assert found.sizing.stream.warm_mib == 13
    assert known["StreamWarmThroughputMiBps"].problem(str(found.sizing.stream.warm_mib)) == ""
    # A new one is ready for so much as it is.
    calm = plan(Demand(Decimal(10), Decimal(100), 800), Options(mode="on-demand"), FIGURES)
    assert (calm.sizing.stream.warm_mib, calm.parameters["TableWarmWriteUnits"]) == (0, "0")
