"""Metrics are data of CloudWatch, sent within the limits of a call."""

from typing import cast

from botocore.exceptions import ClientError
from mypy_boto3_cloudwatch import CloudWatchClient
from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

from orderstream.local.esm.metrics import (
    MetricSender,
    calls,
    iterator_age,
)


def test_the_iterator_age_is_that_of_the_last_record_when_the_batch_was_sent() -> None:
    namespace, datum = iterator_age("ProcessOrders", last_arrived_at=100.0, sent_at=102.5)
    assert (namespace, datum["MetricName"], datum["Value"]) == ("AWS/Lambda", "IteratorAge", 2500)
    assert datum["Dimensions"] == [{"Name": "FunctionName", "Value": "ProcessOrders"}]
    assert iterator_age("f", last_arrived_at=100.1, sent_at=100.0)[1]["Value"] == 0


def test_a_call_has_one_namespace_and_a_bounded_number_of_metrics() -> None:
    datum: MetricDatumTypeDef = {"MetricName": "m"}
    sent = list(calls([("A", datum)] * 450 + [("B", datum)]))
    assert [(namespace, len(group)) for namespace, group in sent] == [
        ("A", 200),
        ("A", 200),
        ("A", 50),
        ("B", 1),
    ]


class Refusing:
    """A CloudWatch that takes nothing."""

    def put_metric_data(self, **_: object) -> None:
        raise ClientError({"Error": {"Code": "Throttling", "Message": "slower"}}, "PutMetricData")


def test_metrics_that_cannot_be_sent_are_told_and_dropped() -> None:
    problems: list[str] = []
    sender = MetricSender(cast(CloudWatchClient, Refusing()), problems.append)
    sender.add([("Orders", {"MetricName": "Stored"})])
    sender.send()
    sender.send()
    (problem,) = problems
    assert "1 metrics of Orders not sent" in problem
