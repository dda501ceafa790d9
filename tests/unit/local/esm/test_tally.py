"""What is measured often becomes few metrics, and none of it is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orderstream.local.esm.tally import MetricTally, Series

if TYPE_CHECKING:
    from orderstream.local.esm.metrics import Metric

RECORDS = Series("AWS/Kinesis", "IncomingRecords", (("StreamName", "S"),), "Count")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


def sums(metrics: list[Metric]) -> dict[datetime, float]:
    return {datum["Timestamp"]: datum["StatisticValues"]["Sum"] for _, datum in metrics}  # type: ignore[misc]


def test_values_of_a_minute_become_one_statistic_set() -> None:
    tally = MetricTally()
    for value in (3, 1, 8):
        tally.add(RECORDS, value, NOON + value)
    ((namespace, datum),) = tally.take(NOON + 10)
    assert namespace == "AWS/Kinesis"
    assert datum == {
        "MetricName": "IncomingRecords",
        "Dimensions": [{"Name": "StreamName", "Value": "S"}],
        "Timestamp": datetime.fromtimestamp(NOON, UTC),
        "Unit": "Count",
        "StatisticValues": {"SampleCount": 3, "Sum": 12, "Minimum": 1, "Maximum": 8},
    }


def test_a_value_counts_in_the_minute_in_which_it_was() -> None:
    tally = MetricTally()
    tally.add(RECORDS, 1, NOON + 59.9)
    tally.add(RECORDS, 2, NOON + 60)
    assert list(sums(tally.take(NOON + 61)).values()) == [1, 2]


def test_the_first_value_is_sent_at_once_and_what_follows_waits() -> None:
    tally = MetricTally()
    sent = []
    for second in range(20):
        tally.add(RECORDS, 1, NOON + second)
        sent += [len(tally.take(NOON + second))]
    assert sent == [1, 0, 0, 0, 0] * 4
    assert sum(sums(tally.take(NOON + 20, everything=True)).values()) == 4


def test_zeros_are_sent_four_times_a_minute() -> None:
    tally = MetricTally()
    sent = 0
    for second in range(60):
        tally.add(RECORDS, 0, NOON + second)
        sent += len(tally.take(NOON + second))
    assert sent == 4


def test_a_value_after_zeros_does_not_wait_for_them() -> None:
    tally = MetricTally()
    tally.add(RECORDS, 0, NOON)
    tally.take(NOON)
    tally.add(RECORDS, 0, NOON + 5)
    assert tally.take(NOON + 5) == []
    tally.add(RECORDS, 7, NOON + 6)
    assert list(sums(tally.take(NOON + 6)).values()) == [7]


def test_what_was_taken_is_not_taken_again() -> None:
    tally = MetricTally()
    tally.add(RECORDS, 1, NOON)
    tally.take(NOON)
    assert tally.take(NOON + 60, everything=True) == []
