"""The template's alarms see what they are for, at any traffic and whatever metric was never published."""

from __future__ import annotations

from typing import Any

import pytest

from orderstream.deploy.parameters import document
from orderstream.local.alarms.expression import Series
from orderstream.local.alarms.judge import Alarm, alarm_of, judge
from orderstream.ops.artifact import TEMPLATE

MINUTE, HOUR = 60, 3600
RESOURCES: dict[str, Any] = document(TEMPLATE)["Resources"]
ADDED_UP = ("TableThrottledAlarm", "TableErrorsAlarm", "ArchiveUpkeepAlarm", "ApiErrorsAlarm")
NOT_READ = ("NotRead15mAlarm", "NotRead2hAlarm")


def alarm(logical_id: str) -> Alarm:
    """The alarm as the template has it with its defaults; nothing that it refers to is of interest here."""
    properties = dict(RESOURCES[logical_id]["Properties"])
    queries = []
    for found in properties["Metrics"]:
        query = dict(found["Fn::If"][1] if "Fn::If" in found else found)
        if "MetricStat" in query:
            metric = {**query["MetricStat"]["Metric"], "Dimensions": []}
            query["MetricStat"] = {**query["MetricStat"], "Metric": metric | {"MetricName": query["Id"]}}
        elif "Fn::If" in query["Expression"]:
            query["Expression"] = query["Expression"]["Fn::If"][1]
        queries.append(query)
    given: Any = properties | {"AlarmName": logical_id, "StateValue": "OK", "Metrics": queries}
    return alarm_of(given)


def state(of: Alarm, end: int, **metrics: Series) -> str:
    verdict = judge(of, {of.metrics[id]: series for id, series in metrics.items()}, end)
    assert verdict is not None
    return verdict[0]


def test_no_alarm_of_the_template_fills_what_may_never_have_been_there() -> None:
    expressions = [
        str(query.get("Expression", ""))
        for found in RESOURCES.values()
        if found["Type"] == "AWS::CloudWatch::Alarm"
        for query in found["Properties"].get("Metrics", [])
    ]
    assert any("SUM([" in one for one in expressions)
    assert not any("FILL" in one for one in expressions)


@pytest.mark.parametrize("logical_id", ADDED_UP)
def test_each_of_the_metrics_that_are_added_up_is_enough_for_the_alarm(logical_id: str) -> None:
    added = alarm(logical_id)
    minutes = {MINUTE * at: 1.0 for at in range(HOUR // MINUTE)}
    assert len(added.metrics) == 2
    for id in added.metrics:
        assert state(added, HOUR, **{id: minutes}) == "ALARM"
    assert state(added, HOUR) == "OK"


def test_a_term_of_a_resource_that_is_not_there_is_left_out() -> None:
    properties = RESOURCES["TableThrottledAlarm"]["Properties"]
    (index,) = [query for query in properties["Metrics"] if "Fn::If" in query]
    assert index["Fn::If"][0] == "WithCustomerIndex" and index["Fn::If"][2] == {"Ref": "AWS::NoValue"}
    (result,) = [query["Expression"] for query in properties["Metrics"] if "Expression" in query]
    assert result == {"Fn::If": ["WithCustomerIndex", "SUM([table, index])", "SUM([table])"]}


@pytest.mark.parametrize("was_invoked", [True, False])
def test_a_dead_mapping_is_seen_at_one_order_an_hour(was_invoked: bool) -> None:
    incoming = {HOUR * hour + MINUTE * 7: 1.0 for hour in range(48)}
    died = 24 * HOUR
    # Or the function was never invoked, and there is no such metric.
    invocations = {at: value for at, value in incoming.items() if was_invoked and at < died}
    slow = alarm("NotRead2hAlarm")
    seen = [
        end
        for end in range(died, 48 * HOUR, MINUTE)
        if state(slow, end, incoming=incoming, invocations=invocations) == "ALARM"
    ]
    assert seen and seen[0] <= died + 3 * HOUR
    assert seen == list(range(seen[0], 48 * HOUR, MINUTE))


def test_a_dead_mapping_of_a_busy_stream_is_seen_within_a_quarter_of_an_hour() -> None:
    incoming = {MINUTE * at: 100.0 for at in range(120)}
    invocations = {at: 1.0 for at in incoming if at < HOUR}
    soon = alarm("NotRead15mAlarm")
    states = {
        end: state(soon, end, incoming=incoming, invocations=invocations)
        for end in range(HOUR, 2 * HOUR, MINUTE)
    }
    assert min(end for end, found in states.items() if found == "ALARM") == HOUR + 15 * MINUTE


@pytest.mark.parametrize("logical_id", NOT_READ)
@pytest.mark.parametrize("every", [1, 5, 15, 59, 60, 61, 120, 180])
@pytest.mark.parametrize("waits", [0, 1, 5])
def test_a_function_that_is_invoked_is_never_taken_for_dead(logical_id: str, every: int, waits: int) -> None:
    # The longest batching window is five minutes.
    incoming = {MINUTE * at: 1.0 for at in range(0, 12 * 60, every)}
    invocations = {at + MINUTE * waits: 1.0 for at in incoming}
    found = alarm(logical_id)
    for end in range(3 * HOUR, 12 * HOUR, MINUTE):
        # What is on its way at the end of the period has not been delivered yet.
        known = {at: value for at, value in invocations.items() if at < end}
        arrived = {at: value for at, value in incoming.items() if at < end}
        assert state(found, end, incoming=arrived, invocations=known) == "OK", (end, every, waits)
