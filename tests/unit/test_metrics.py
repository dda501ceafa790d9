"""The function's log becomes the metrics that CloudWatch would make of it."""

import json
from datetime import UTC, datetime
from typing import cast

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_cloudwatch import CloudWatchClient
from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

from orderstream.local.esm.metrics import (
    MetricSender,
    calls,
    iterator_age,
    metrics_of_document,
    metrics_of_log,
)

AT = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
NOW = AT.timestamp() + 60


def document(**changes: object) -> dict[str, object]:
    directive = {
        "Namespace": "Orders",
        "Dimensions": [["Stack"]],
        "Metrics": [{"Name": "Stored", "Unit": "Count", "StorageResolution": 1}],
    }
    return {
        "_aws": {"Timestamp": int(AT.timestamp() * 1000), "CloudWatchMetrics": [directive]},
        "Stack": "orderstream",
        "Stored": 9,
    } | changes


def about(**changes: object) -> dict[str, object]:
    directive = {"Namespace": "Orders", "Dimensions": [["Stack"]], "Metrics": [{"Name": "Stored"}]} | changes
    return {"CloudWatchMetrics": [directive]}


def data(of: dict[str, object]) -> list[MetricDatumTypeDef]:
    return [datum for _, datum in metrics_of_document(of, NOW)]


def test_a_metric_has_namespace_dimensions_unit_resolution_time_and_value() -> None:
    assert metrics_of_document(document(), NOW) == [
        (
            "Orders",
            {
                "MetricName": "Stored",
                "Dimensions": [{"Name": "Stack", "Value": "orderstream"}],
                "Timestamp": AT,
                "Unit": "Count",
                "StorageResolution": 1,
                "Values": [9.0],
                "Counts": [1.0],
            },
        )
    ]


def test_without_unit_and_resolution_they_are_none_and_a_minute() -> None:
    (datum,) = data(document(_aws=about()))
    assert (datum["Unit"], datum["StorageResolution"]) == ("None", 60)


def test_without_a_time_it_is_now() -> None:
    (datum,) = data(document(_aws=about()))
    assert datum["Timestamp"] == datetime.fromtimestamp(NOW, UTC)


def test_each_dimension_set_is_a_metric_of_its_own() -> None:
    of = document(_aws=about(Dimensions=[["Stack"], ["Stack", "Shard"], []]), Shard=3)
    assert [datum["Dimensions"] for datum in data(of)] == [
        [{"Name": "Stack", "Value": "orderstream"}],
        [{"Name": "Stack", "Value": "orderstream"}, {"Name": "Shard", "Value": "3"}],
        [],
    ]


def test_no_dimension_sets_are_one_without_dimensions() -> None:
    assert [datum["Dimensions"] for datum in data(document(_aws=about(Dimensions=[])))] == [[]]


def test_a_dimension_set_without_its_value_is_left_out() -> None:
    assert data(document(_aws=about(Dimensions=[["Unknown"]]))) == []


def test_an_array_of_values_is_counted() -> None:
    (datum,) = data(document(Stored=[5, 7, 5, 5]))
    assert dict(zip(datum["Values"], datum["Counts"], strict=True)) == {5.0: 3.0, 7.0: 1.0}


def test_a_datum_has_at_most_150_values() -> None:
    found = data(document(Stored=list(range(400)) + [0]))
    assert [len(datum["Values"]) for datum in found] == [150, 150, 100]
    assert sum(sum(datum["Counts"]) for datum in found) == 401


@pytest.mark.parametrize("value", [None, "9", True, float("nan"), [], ["9"], {}])
def test_what_is_no_number_is_no_metric(value: object) -> None:
    assert data(document(Stored=value)) == []


@pytest.mark.parametrize(
    "of",
    [{}, {"_aws": 1}, {"_aws": {"CloudWatchMetrics": [1]}}, {"_aws": about(Metrics=["Stored"]), "Stored": 1}],
)
def test_what_is_of_another_shape_is_no_metric(of: dict[str, object]) -> None:
    assert data(of) == []


def test_other_lines_and_a_cut_off_first_one_are_passed_over() -> None:
    line = json.dumps(document())
    log = "\n".join([line[20:], "START RequestId: 1", "{not json", line, "[1]", '{"level": "INFO"}', line])
    assert len(metrics_of_log(b"\xbc" + log.encode(), NOW)) == 2


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
