"""What is measured often becomes few metrics, none of it is lost, and failures to send it are reported."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_cloudwatch import CloudWatchClient

from orderstream.aws.kinesis_event import EventRecord
from orderstream.local.esm.lanes import Rules
from orderstream.local.esm.mapping import Mapping
from orderstream.local.esm.metrics import MappingMetrics, MetricSender, Series
from orderstream.local.esm.shards import TRIM_HORIZON

RECORDS = Series("AWS/Kinesis", "IncomingRecords", "Count", (("StreamName", "S"),))
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


class FakeCloudWatch:
    """Keeps the calls, or refuses them."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.refuses = False

    def put_metric_data(self, **request: Any) -> None:
        if self.refuses:
            raise ClientError({"Error": {"Code": "Throttling", "Message": "slower"}}, "PutMetricData")
        self.calls.append(request)

    @property
    def data(self) -> list[dict[str, Any]]:
        return [datum for call in self.calls for datum in call["MetricData"]]

    @property
    def sums(self) -> list[float]:
        return [datum["StatisticValues"]["Sum"] for datum in self.data]


@pytest.fixture
def cloudwatch() -> FakeCloudWatch:
    return FakeCloudWatch()


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def sender(cloudwatch: FakeCloudWatch, problems: list[str]) -> MetricSender:
    return MetricSender(cast(CloudWatchClient, cloudwatch), problems.append)


def test_values_of_a_minute_become_one_statistic_set(
    sender: MetricSender, cloudwatch: FakeCloudWatch
) -> None:
    for value in (3, 1, 8):
        sender.add(RECORDS, value, NOON + value)
    sender.send(NOON + 10)
    assert [call["Namespace"] for call in cloudwatch.calls] == ["AWS/Kinesis"]
    assert cloudwatch.data == [
        {
            "MetricName": "IncomingRecords",
            "Dimensions": [{"Name": "StreamName", "Value": "S"}],
            "Timestamp": datetime.fromtimestamp(NOON, UTC),
            "Unit": "Count",
            "StatisticValues": {"SampleCount": 3, "Sum": 12, "Minimum": 1, "Maximum": 8},
        }
    ]


def test_a_value_counts_in_the_minute_in_which_it_was(
    sender: MetricSender, cloudwatch: FakeCloudWatch
) -> None:
    sender.add(RECORDS, 1, NOON + 59.9)
    sender.add(RECORDS, 2, NOON + 60)
    sender.send(NOON + 61)
    assert cloudwatch.sums == [1, 2]


def test_the_first_value_is_sent_at_once_and_what_follows_waits(
    sender: MetricSender, cloudwatch: FakeCloudWatch
) -> None:
    sent = []
    for second in range(20):
        sender.add(RECORDS, 1, NOON + second)
        before = len(cloudwatch.data)
        sender.send(NOON + second)
        sent.append(len(cloudwatch.data) - before)
    assert sent == [1, 0, 0, 0, 0] * 4
    sender.send(NOON + 20, everything=True)
    assert sum(cloudwatch.sums) == 20


def test_zeros_are_sent_four_times_a_minute(sender: MetricSender, cloudwatch: FakeCloudWatch) -> None:
    for second in range(60):
        sender.add(RECORDS, 0, NOON + second)
        sender.send(NOON + second)
    assert len(cloudwatch.data) == 4


def test_a_value_after_zeros_does_not_wait_for_them(sender: MetricSender, cloudwatch: FakeCloudWatch) -> None:
    sender.add(RECORDS, 0, NOON)
    sender.send(NOON)
    sender.add(RECORDS, 0, NOON + 5)
    sender.send(NOON + 5)
    assert cloudwatch.sums == [0]
    sender.add(RECORDS, 7, NOON + 6)
    sender.send(NOON + 6)
    assert cloudwatch.sums == [0, 7]


def test_what_was_sent_is_not_sent_again(sender: MetricSender, cloudwatch: FakeCloudWatch) -> None:
    sender.add(RECORDS, 1, NOON)
    sender.send(NOON)
    sender.send(NOON + 60, everything=True)
    assert cloudwatch.sums == [1]


def test_a_call_has_one_namespace_and_a_bounded_number_of_metrics(
    sender: MetricSender, cloudwatch: FakeCloudWatch
) -> None:
    for number in range(450):
        sender.add(Series("A", str(number), "Count", ()), 1, NOON)
    sender.add(Series("B", "m", "Count", ()), 1, NOON)
    sender.send(NOON)
    sizes = [(call["Namespace"], len(call["MetricData"])) for call in cloudwatch.calls]
    assert sizes == [("A", 200), ("A", 200), ("A", 50), ("B", 1)]


def test_metrics_that_cannot_be_sent_are_told_and_dropped(
    sender: MetricSender, cloudwatch: FakeCloudWatch, problems: list[str]
) -> None:
    cloudwatch.refuses = True
    sender.add(RECORDS, 1, NOON)
    sender.send(NOON)
    sender.send(NOON + 60, everything=True)
    (problem,) = problems
    assert "1 metrics of AWS/Kinesis not sent" in problem


def test_the_iterator_age_is_that_of_the_last_record_when_the_batch_was_sent(
    cloudwatch: FakeCloudWatch, problems: list[str]
) -> None:
    function = "arn:aws:lambda:eu-west-1:000000000001:function:ProcessOrders"
    mapping = Mapping("id", "stream/S", "", function, "", "", TRIM_HORIZON, Rules(), counts_events=False)
    metrics = MappingMetrics(mapping, cast(CloudWatchClient, cloudwatch), problems.append)
    batch = [EventRecord(str(at), "k", NOON + at, 0, None, b"") for at in (0, 1)]
    metrics.delivered(batch, sent_at=NOON + 3.5)
    metrics.delivered(batch, sent_at=NOON + 0.5)
    metrics.send(NOON)
    (datum,) = cloudwatch.data
    assert (datum["MetricName"], datum["Unit"]) == ("IteratorAge", "Milliseconds")
    assert datum["Dimensions"] == [{"Name": "FunctionName", "Value": "ProcessOrders"}]
    assert datum["StatisticValues"] == {"SampleCount": 2, "Sum": 2500, "Minimum": 0, "Maximum": 2500}
