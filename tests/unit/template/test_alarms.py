"""The template's alarms see what they are for, also where a metric was never published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from orderstream.local.alarms.evaluator import Alarm, State, alarm_of, evaluate_alarm
from orderstream.local.alarms.expression import Series
from orderstream.local.emf import metrics_of_line
from orderstream.pipeline import telemetry
from orderstream.pipeline.batch_result import BatchResult
from tests.alarm_figures import EVIDENCE
from tests.integration.expanded import EVERYTHING, resources

MINUTE, DAY = 60, 86400
START = 20_000 * DAY
# A share needs its whole: the function publishes both in every line.
TOGETHER = {"Received", "Conflicts", "Invalid", "Stored", "Late"}


def alarms(**given: str) -> dict[str, Alarm]:
    """The alarms on metrics, by their names without the stack's; without the one on a band."""
    found = {}
    for properties in resources("AWS::CloudWatch::Alarm", given).values():
        if "ThresholdMetricId" not in properties:
            alarm = alarm_of(as_described(properties))
            found[alarm.name.removeprefix("orderstream-")] = alarm
    return found


def as_described(properties: Mapping[str, Any]) -> Any:
    def with_names(metric: Mapping[str, Any]) -> dict[str, Any]:
        named = [{"Name": one["Name"], "Value": str(one["Value"])} for one in metric["Dimensions"]]
        return {**metric, "Dimensions": named}

    described = {**properties, "StateValue": "INSUFFICIENT_DATA"}
    if "Metrics" not in properties:
        return with_names(described)
    queries = [dict(query) for query in properties["Metrics"]]
    for query in queries:
        if "MetricStat" in query:
            metric = query["MetricStat"]["Metric"]
            query["MetricStat"] = query["MetricStat"] | {"Metric": with_names(metric)}
    return described | {"Metrics": queries}


ALARMS = alarms(**EVERYTHING)
STALLED = ALARMS["delivery-stalled"]


def states(alarm: Alarm, published: Mapping[str, Series], minutes: Iterable[int]) -> dict[int, State]:
    """Its state at each of these minutes after START, judged one after the other."""
    of_metrics = {
        alarm.metrics[id]: {START + at * MINUTE: value for at, value in values.items()}
        for id, values in published.items()
    }
    found = {}
    for at in minutes:
        if verdict := evaluate_alarm(alarm, of_metrics, START + at * MINUTE):
            alarm = replace(alarm, state=verdict[0])
        found[at] = alarm.state
    return found


def test_every_alarm_and_each_of_its_metrics_is_tried() -> None:
    assert EVIDENCE.keys() == ALARMS.keys()
    for name, alarm in ALARMS.items():
        # That the function or the pipe was invoked is evidence against the alarm.
        against = {"invocations", "events"} if name in ("delivery-stalled", "event-bus") else set()
        assert {id for one in EVIDENCE[name] for id in one} == alarm.metrics.keys() - against, name


@pytest.mark.parametrize(
    ("name", "published"), [(name, published) for name, some in EVIDENCE.items() for published in some]
)
def test_an_alarm_goes_off_by_its_evidence_though_no_other_metric_was_ever_published(
    name: str, published: dict[str, float]
) -> None:
    alarm = ALARMS[name]
    long_enough = alarm.seconds // MINUTE
    values = {id: dict.fromkeys(range(long_enough), value) for id, value in published.items()}
    assert states(alarm, values, [long_enough]) == {long_enough: "ALARM"}


def test_no_alarm_but_that_of_the_canary_goes_off_while_nothing_was_ever_published() -> None:
    loud = {name for name, alarm in ALARMS.items() if "ALARM" in states(alarm, {}, range(10)).values()}
    assert loud == {"canary"}


def test_the_parts_and_the_whole_of_a_share_are_in_every_line_of_the_function() -> None:
    now = datetime.now(UTC)
    line = telemetry.log_line(
        BatchResult(), [], stack="s", objective_seconds=1, request_id="r", cold=False, now=now
    )
    assert {metric.name for metric in metrics_of_line(line, 0)} >= TOGETHER
    shares = ("quarantine", "latency-burn-fast-1h", "latency-burn-slow-6h")
    assert {metric.name for name in shares for metric in ALARMS[name].metrics.values()} == TOGETHER


@pytest.mark.parametrize("name", ["table-throttled", "table-errors"])
def test_an_alarm_on_dynamodb_ends_though_nothing_more_is_published(name: str) -> None:
    for one in EVIDENCE[name]:
        trouble = {id: dict.fromkeys(range(5), value) for id, value in one.items()}
        after = states(ALARMS[name], trouble, range(1, 30))
        assert (after[5], after[29]) == ("ALARM", "OK")


def test_without_the_index_nothing_looks_at_the_index() -> None:
    alarm = alarms(CustomerIndex="false")["table-throttled"]
    assert alarm.metrics.keys() == {"table", "pending", "events"}
    after = states(alarm, {"table": dict.fromkeys(range(5), 1.0)}, [5])
    assert after == {5: "ALARM"}


def test_requests_that_fail_and_that_are_refused_count_alike_in_three_minutes_of_five() -> None:
    alarm = ALARMS["api-errors"]
    assert (alarm.metrics["failed"].namespace, alarm.metrics["failed"].name) == ("AWS/ApiGateway", "5xx")
    failed: Series = {0: 1.0, 3: 1.0}
    assert "ALARM" not in states(alarm, {"failed": failed}, [5]).values()
    assert states(alarm, {"failed": failed, "throttled": {2: 1.0}}, [5]) == {5: "ALARM"}
    (about,) = (
        one
        for one in resources("AWS::CloudWatch::Alarm", EVERYTHING).values()
        if one["AlarmName"] == alarm.name
    )
    assert about["AlarmDescription"].endswith("docs/how-to/runbook.md#api-errors") and about["AlarmActions"]


@pytest.mark.parametrize("name", ["events-waiting", "sequence-gap"])
def test_what_waits_longer_than_the_parameter_says_is_told_though_a_measurement_is_late(name: str) -> None:
    alarm = alarms(PendingAlarmMinutes="15")[name]
    short: Series = {0: 14 * 60.0, 5: 15 * 60.0}
    assert "ALARM" not in states(alarm, {"age": short}, range(1, 20)).values()
    # The run of minute 10 came in minute 11, and that of minute 16 is the last: then nothing waits.
    measured: Series = {0: 901.0, 5: 1200.0, 11: 1500.0, 16: 1800.0}
    found = states(alarm, {"age": measured}, range(5, 30))
    assert {found[at] for at in range(5, 20)} == {"ALARM"} and found[29] == "OK"


def test_a_forbidden_event_that_a_late_one_makes_possible_ends_its_alarm() -> None:
    alarm = ALARMS["forbidden-events"]
    found = states(alarm, {"m": {0: 2.0, 6: -2.0}}, range(1, 20))
    assert (found[1], found[6], found[7]) == ("ALARM", "ALARM", "OK")


def test_without_the_parameter_nothing_measures_what_waits_and_nothing_warns_of_it() -> None:
    off = {"PendingAlarmMinutes": "0"}
    gone = {"events-waiting", "sequence-gap"}
    assert alarms().keys() - alarms(**off).keys() == gone
    assert "CheckPending" in resources("AWS::Lambda::Function")
    assert "CheckPending" not in resources("AWS::Lambda::Function", off)
    for given, shown in (({}, True), (off, False)):
        (board,) = resources("AWS::CloudWatch::Dashboard", given).values()
        assert ("EventsWaitingAlarm" in str(board)) == shown


def test_a_change_that_a_webhook_has_not_received_for_an_hour_is_told_wherever_it_waits() -> None:
    alarm = alarms(ChangeFeed="true", Webhooks="true")["webhook-failing"]
    for found in (
        {"age": {0: 3601.0}},
        {"lag": {0: 3_601_000.0}},
        {"age": {0: 2000.0}, "lag": {0: 2_000_000.0}},
    ):
        assert states(alarm, found, [5]) == {5: "ALARM"}
    assert "ALARM" not in states(alarm, {"age": {0: 3500.0}}, [5]).values()


# The mapping that delivers nothing, and the one that does.


@pytest.mark.parametrize("every", [1, 14, 16, 24 * 60], ids=lambda minutes: f"{minutes} min")
@pytest.mark.parametrize("was_invoked", [False, True])
def test_a_dead_mapping_is_seen_a_quarter_of_an_hour_after_an_order_and_until_the_first_invocation(
    every: int, was_invoked: bool
) -> None:
    # It delivered an order a while before, or never one.
    invocations: Series = {0: 1.0} if was_invoked else {}
    first = 30
    end = 26 * 60
    published = {
        "incoming": ({0: 1.0} if was_invoked else {}) | dict.fromkeys(range(first, end, every), 1.0),
        "invocations": invocations,
    }
    found = states(STALLED, published, range(1, end))
    assert "ALARM" not in {state for at, state in found.items() if at < first + 11}
    assert {state for at, state in found.items() if at >= first + 15} == {"ALARM"}
    again = {**published, "invocations": invocations | {end: 1.0}}
    assert states(replace(STALLED, state="ALARM"), again, [end + 1]) == {end + 1: "OK"}


@pytest.mark.parametrize("every", [1, 6, 7, 24 * 60], ids=lambda minutes: f"{minutes} min")
@pytest.mark.parametrize("delay", [0, 6])
def test_a_mapping_that_delivers_is_never_taken_for_dead(every: int, delay: int) -> None:
    """After the longest batching window an order can be delivered in the sixth minute after its own."""
    end = 26 * 60
    arrivals = range(0, end, every)
    published = {
        "incoming": dict.fromkeys(arrivals, 1.0),
        "invocations": {at + delay: 1.0 for at in arrivals},
    }
    assert "ALARM" not in states(STALLED, published, range(1, end)).values()


def test_minutes_of_nothing_are_no_arrivals_where_they_are_published_as_0() -> None:
    nothing = dict.fromkeys(range(120), 0.0)
    assert "ALARM" not in states(STALLED, {"incoming": nothing}, range(1, 120)).values()
    waiting = {"incoming": nothing | {30: 1.0}, "invocations": nothing}
    assert states(STALLED, waiting, range(1, 60))[45] == "ALARM"
