"""An alarm is judged by CloudWatch's rules: M of N periods, a sliding window, and what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from orderstream.errors import CloudError
from orderstream.local.alarms.evaluator import HISTORY, Alarm, State, alarm_of, evaluate_alarm
from orderstream.local.alarms.expression import Series

END = 6000
PLAIN: dict[str, Any] = {
    "AlarmName": "a",
    "StateValue": "INSUFFICIENT_DATA",
    "Namespace": "N",
    "MetricName": "M",
    "Dimensions": [{"Name": "Stack", "Value": "s"}],
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 2,
    "Threshold": 10.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "missing",
}


def alarm(**changed: Any) -> Alarm:
    given: Any = PLAIN | changed
    return alarm_of(given)


def state_of(of: Alarm, *values: float | None, id: str = "m") -> State | None:
    """The verdict on these values of the newest minutes, the newest last."""
    begin = END - 60 * len(values)
    minutes = {begin + 60 * at: value for at, value in enumerate(values) if value is not None}
    verdict = evaluate_alarm(of, {of.metrics[id]: minutes}, END)
    return verdict[0] if verdict else None


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ((0, 0, 0), "OK"),
        ((0, 0, 11), "OK"),
        ((11, 0, 11), "ALARM"),
        ((11, 11, 0), "ALARM"),
        ((11, 11, 0, 0), "OK"),
        ((10, 10, 10), "OK"),
    ],
)
def test_so_many_of_the_newest_periods_make_an_alarm(values: tuple[float, ...], state: State) -> None:
    assert state_of(alarm(), *values) == state


# CloudWatch's user guide, "How alarm state is evaluated when data is missing": 0 does not breach, X does.
@pytest.mark.parametrize(
    ("to_alarm", "periods", "missing", "ignore", "breaching", "not_breaching"),
    [
        (3, "---", "INSUFFICIENT_DATA", None, "ALARM", "OK"),
        (3, "0--", "OK", "OK", "OK", "OK"),
        (3, "--X", "INSUFFICIENT_DATA", None, "ALARM", "OK"),
        (3, "-XX", "INSUFFICIENT_DATA", None, "ALARM", "OK"),
        (3, "X--", "ALARM", None, "ALARM", "OK"),
        (3, "0-X", "OK", "OK", "OK", "OK"),
        (3, "XXX", "ALARM", "ALARM", "ALARM", "ALARM"),
        (2, "0X-", "OK", "OK", "ALARM", "OK"),
        (2, "--0", "OK", "OK", "ALARM", "OK"),
        (2, "--X", "INSUFFICIENT_DATA", None, "ALARM", "OK"),
        (2, "X-X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ],
)
def test_what_is_missing_counts_as_the_alarm_says(
    to_alarm: int, periods: str, missing: State, ignore: State | None, breaching: State, not_breaching: State
) -> None:
    values = [{"0": 0, "X": 11, "-": None}[period] for period in periods]
    states = {"missing": missing, "ignore": ignore, "breaching": breaching, "notBreaching": not_breaching}
    for treated, state in states.items():
        of = alarm(TreatMissingData=treated, DatapointsToAlarm=to_alarm)
        assert state_of(of, *values) == state, treated


@pytest.mark.parametrize("missing", ["notBreaching", "breaching", "missing"])
def test_an_alarm_on_dynamodb_keeps_its_state_while_data_is_missing(missing: str) -> None:
    assert state_of(alarm(Namespace="AWS/DynamoDB", TreatMissingData=missing)) is None


@pytest.mark.parametrize(
    ("comparison", "beyond", "not_beyond"),
    [
        ("GreaterThanThreshold", 11, 10),
        ("GreaterThanOrEqualToThreshold", 10, 9),
        ("LessThanThreshold", 9, 10),
        ("LessThanOrEqualToThreshold", 10, 11),
    ],
)
def test_it_compares_as_it_says(comparison: str, beyond: float, not_beyond: float) -> None:
    compares = alarm(ComparisonOperator=comparison, EvaluationPeriods=1, DatapointsToAlarm=1)
    assert state_of(compares, beyond) == "ALARM"
    assert state_of(compares, not_beyond) == "OK"


@pytest.mark.parametrize(("statistic", "state"), [("Sum", "ALARM"), ("Maximum", "OK"), ("Minimum", "OK")])
def test_a_longer_period_is_made_of_its_minutes_and_slides_with_them(statistic: str, state: State) -> None:
    longer = alarm(Statistic=statistic, Period=300, EvaluationPeriods=1, DatapointsToAlarm=None)
    assert state_of(longer, 3, 3, 3, 3, 3) == state
    assert state_of(longer, 9, 9, 3, 1, 1, 1, 1) == "OK"


def test_metrics_of_other_dimensions_do_not_count() -> None:
    other = alarm(Dimensions=[{"Name": "Stack", "Value": "other"}])
    verdict = evaluate_alarm(alarm(), {other.metrics["m"]: {END - 60: 11.0, END - 120: 11.0}}, END)
    assert verdict is not None and verdict[0] == "INSUFFICIENT_DATA"


def query(id: str, name: str, returned: bool = False) -> dict[str, Any]:
    metric = {"Namespace": "N", "MetricName": name, "Dimensions": []}
    stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
    return {"Id": id, "MetricStat": stat, "ReturnData": returned}


def test_an_alarm_on_an_expression_is_judged_by_its_value() -> None:
    share = {"Id": "share", "Expression": "100 * bad / all"}
    on_share = alarm(
        Metrics=[query("bad", "Bad"), query("all", "All"), share], EvaluationPeriods=1, DatapointsToAlarm=1
    )
    bad, every = on_share.metrics["bad"], on_share.metrics["all"]
    for count, state in ((1.0, "OK"), (2.0, "ALARM")):
        verdict = evaluate_alarm(on_share, {bad: {END - 60: count}, every: {END - 60: 10.0}}, END)
        assert verdict is not None and verdict[0] == state


@pytest.mark.parametrize(("rate", "state"), [(100.0, "OK"), (200.0, "ALARM"), (0.0, "ALARM")])
def test_an_alarm_on_a_band_goes_off_below_and_above_it(rate: float, state: State) -> None:
    on_band = alarm(
        Metrics=[
            query("rate", "Rate", returned=True),
            {"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(rate, 3)"},
        ],
        ThresholdMetricId="band",
        ComparisonOperator="LessThanLowerOrGreaterThanUpperThreshold",
        EvaluationPeriods=1,
        DatapointsToAlarm=1,
    )
    usual: Series = {END - 60 * back: 100.0 for back in range(2, HISTORY + 2)}
    verdict = evaluate_alarm(on_band, {on_band.metrics["rate"]: usual | {END - 60: rate}}, END)
    assert verdict is not None and verdict[0] == state
    little = evaluate_alarm(on_band, {on_band.metrics["rate"]: {END - 60: rate}}, END)
    assert little is not None and little[0] == "OK"


@pytest.mark.parametrize("changed", [{"Statistic": "Average"}, {"ExtendedStatistic": "p99"}, {"Period": 10}])
def test_what_the_local_cloud_cannot_judge_is_named(changed: dict[str, Any]) -> None:
    with pytest.raises(CloudError, match="in alarm a"):
        alarm(**changed)
