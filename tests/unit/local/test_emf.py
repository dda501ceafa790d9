"""A line of a function's log becomes the metrics that CloudWatch would make of it."""

from __future__ import annotations

import json

import pytest

from orderstream.local.emf import EmfDatum, metrics_of_line

AT = 1_795_370_400.25
NOW = AT + 60


def document(**changes: object) -> dict[str, object]:
    directive = {
        "Namespace": "Orders",
        "Dimensions": [["Stack"]],
        "Metrics": [{"Name": "Stored", "Unit": "Count"}],
    }
    return {
        "_aws": {"Timestamp": int(AT * 1000), "CloudWatchMetrics": [directive]},
        "Stack": "orderstream",
        "Stored": 9,
    } | changes


def about(**changes: object) -> dict[str, object]:
    directive = {"Namespace": "Orders", "Dimensions": [["Stack"]], "Metrics": [{"Name": "Stored"}]} | changes
    return {"CloudWatchMetrics": [directive]}


def data(of: dict[str, object]) -> list[EmfDatum]:
    return metrics_of_line(json.dumps(of), NOW)


def test_a_metric_has_namespace_dimensions_unit_time_and_value() -> None:
    assert data(document()) == [EmfDatum("Orders", "Stored", {"Stack": "orderstream"}, "Count", AT, {9.0: 1})]


def test_without_unit_and_time_they_are_none_and_now() -> None:
    (datum,) = data(document(_aws=about()))
    assert (datum.unit, datum.at) == ("None", NOW)


def test_each_dimension_set_is_a_metric_of_its_own() -> None:
    of = document(_aws=about(Dimensions=[["Stack"], ["Stack", "Shard"], []]), Shard=3)
    sets = [{"Stack": "orderstream"}, {"Stack": "orderstream", "Shard": "3"}, {}]
    assert [datum.dimensions for datum in data(of)] == sets


def test_no_dimension_sets_are_one_without_dimensions() -> None:
    assert [datum.dimensions for datum in data(document(_aws=about(Dimensions=[])))] == [{}]


def test_a_dimension_set_without_its_value_is_left_out() -> None:
    assert data(document(_aws=about(Dimensions=[["Unknown"]]))) == []


def test_an_array_of_values_is_counted() -> None:
    (datum,) = data(document(Stored=[5, 7, 5, 5]))
    assert datum.values == {5.0: 3, 7.0: 1}


@pytest.mark.parametrize("value", [None, "9", True, float("nan"), [], ["9"], {}])
def test_what_is_no_number_is_no_metric(value: object) -> None:
    assert data(document(Stored=value)) == []


@pytest.mark.parametrize(
    "of",
    [{}, {"_aws": 1}, {"_aws": {"CloudWatchMetrics": [1]}}, {"_aws": about(Metrics=["Stored"]), "Stored": 1}],
)
def test_what_is_of_another_shape_is_no_metric(of: dict[str, object]) -> None:
    assert data(of) == []


@pytest.mark.parametrize("line", ["START RequestId: 1", "{not json", "[1]", '{"level": "INFO"}', ""])
def test_other_lines_are_passed_over(line: str) -> None:
    assert metrics_of_line(line, NOW) == []
