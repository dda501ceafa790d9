"""The function's line is one that CloudWatch reads metrics from, and tells nothing about people (G8)."""

import json
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from orderstream.pipeline.batch_result import BatchResult
from orderstream.pipeline.records import Record
from orderstream.pipeline.telemetry import LATENCY, MAX_VALUES, log_line, read_log_line, revenue_lines, sample

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
SECRET = "Erika Mustermann"


def a_line(latencies: list[int]) -> str:
    record = Record("shard-1:5", "shard-1", "5", SECRET, NOW, SECRET.encode())
    # Both records that are not done are of one aggregate.
    report = BatchResult(
        received=10, stored=4, duplicates=2, conflicts=1, invalid=1, failed_records=2, failed=["5"]
    )
    report.latencies = latencies
    report.archived_bytes = 321
    return log_line(
        report,
        [record],
        stack="orderstream",
        objective_seconds=30,
        request_id="r-1",
        cold=True,
        now=NOW,
    )


def test_every_metric_has_its_value_in_the_line_and_g8_no_payload_and_no_partition_key() -> None:
    assert SECRET not in a_line([5, 7])
    written = json.loads(a_line([5, 7]))
    (directive,) = written["_aws"]["CloudWatchMetrics"]
    values = {metric["Name"]: written[metric["Name"]] for metric in directive["Metrics"]}
    assert values == {
        "Received": 10,
        "Stored": 4,
        "Late": 0,
        "Duplicates": 2,
        "Conflicts": 1,
        "Invalid": 1,
        "Failed": 2,
        "ArchiveBytes": 321,
        LATENCY: [5, 7],
    }
    assert directive["Dimensions"] == [["Stack"]]
    assert written["Stack"] == "orderstream"
    assert written["_aws"]["Timestamp"] == 1795370400000
    # Late is what took longer than the objective of 30 seconds.
    assert json.loads(a_line([29_999, 30_000, 30_001, 90_000]))["Late"] == 2


def test_the_line_is_read_as_it_was_written() -> None:
    read = read_log_line(a_line([5, 7]))
    assert read is not None
    assert (read.stack, read.received, read.stored, read.latencies) == ("orderstream", 10, 4, [5, 7])
    assert (read.request_id, read.shard_id, read.failed_from) == ("r-1", "shard-1", "5")
    assert (read.cold_start, read.logged_at) == (True, NOW)
    # Without a stored order there is no latency.
    assert LATENCY not in a_line([])
    read = read_log_line(a_line([]))
    assert read is not None and not read.latencies


def test_other_lines_of_the_log_are_not_about_an_invocation() -> None:
    (revenue,) = revenue_lines({"EUR": Decimal(7)}, stack="orderstream", now=NOW)
    for message in ("START RequestId: r-1\n", "{", "[]", '{"message": "hello"}', revenue):
        assert read_log_line(message) is None


def test_revenue_has_a_line_for_each_currency_with_every_digit_and_g8_does_not_tell_whose_it_is() -> None:
    sums = {"EUR": Decimal("12345678901234567890.01"), "JPY": Decimal(500)}
    lines = list(revenue_lines(sums, stack="orderstream", now=NOW))
    assert '"Revenue":12345678901234567890.01,' in lines[0]
    assert json.loads(lines[1]) == {
        "Stack": "orderstream",
        "Currency": "JPY",
        "Revenue": 500,
        "_aws": {
            "Timestamp": 1795370400000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Orderstream",
                    "Dimensions": [["Stack", "Currency"]],
                    "Metrics": [{"Name": "Revenue", "Unit": "None"}],
                }
            ],
        },
    }


def test_the_line_stays_short_however_large_the_batch_is() -> None:
    assert len(a_line([43_200_000 + number for number in range(10_000)])) < 4096


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=2000))
def test_a_sample_keeps_the_distribution_and_the_worst(values: list[int]) -> None:
    chosen = sample(values)
    assert len(chosen) == min(len(values), MAX_VALUES)
    assert chosen[-1] == max(values)
    ordered = sorted(values)
    middle = chosen[len(chosen) // 2]
    assert (
        ordered[int(len(ordered) * 0.49)]
        <= middle
        <= ordered[min(len(ordered) - 1, int(len(ordered) * 0.51) + 1)]
    )
