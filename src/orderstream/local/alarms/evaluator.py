"""Evaluates one alarm's definition on the latest values of its metrics. Uses no clock and makes no calls."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orderstream.aws.metrics import MINUTE, Metric
from orderstream.errors import CloudError
from orderstream.local.alarms.expression import Band, Series, evaluate

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import (
        MetricAlarmTypeDef,
        MetricDataQueryOutputTypeDef,
        MetricOutputTypeDef,
        MetricStatOutputTypeDef,
    )

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

# How the values of minutes combine into that of a longer period. Percentiles cannot be combined.
_COMBINED: dict[str, Callable[[Sequence[float]], float]] = {"Sum": sum, "Maximum": max, "Minimum": min}

_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}

# How many periods before the evaluated ones train an anomaly detection band.
HISTORY = 36


@dataclass(frozen=True)
class Alarm:
    """The definition of an alarm: metrics by id, expressions on them, and the threshold.

    All of its metrics have the same `period`, in seconds.
    """

    name: str
    state: State
    metrics: Mapping[str, Metric]
    expressions: Mapping[str, str]
    judged: str
    band: str | None
    comparison: str
    threshold: float
    periods: int
    to_alarm: int
    missing: str
    period: int

    @property
    def seconds(self) -> int:
        """How much history of its metrics is needed, in seconds."""
        return self.period * (self.periods + (HISTORY if self.band else 0))


def alarm_of(given: MetricAlarmTypeDef) -> Alarm:
    """Convert an alarm from DescribeAlarms. Raises CloudError if the local cloud cannot evaluate it."""
    queries = given.get("Metrics") or [_query_of(given)]
    stats = {query["Id"]: query["MetricStat"] for query in queries if "MetricStat" in query}
    for stat in stats.values():
        if stat["Stat"] not in _COMBINED or int(stat["Period"]) % MINUTE:
            raise CloudError(
                f"the local cloud cannot evaluate {stat['Stat']} of {stat['Period']} s,"
                f" in alarm {given['AlarmName']}"
            )
    metrics = {id: _metric(stat) for id, stat in stats.items()}
    # Alarms on DynamoDB metrics always ignore missing data, whatever they specify (see PutMetricAlarm).
    is_dynamodb = any(metric.namespace == "AWS/DynamoDB" for metric in metrics.values())
    band = given.get("ThresholdMetricId")
    returned = [query["Id"] for query in queries if query.get("ReturnData", True) and query["Id"] != band]
    return Alarm(
        name=given["AlarmName"],
        state=given["StateValue"],
        metrics=metrics,
        expressions={query["Id"]: query["Expression"] for query in queries if "Expression" in query},
        judged=returned[0],
        band=band,
        comparison=given["ComparisonOperator"],
        threshold=float(given.get("Threshold", 0)),
        periods=int(given["EvaluationPeriods"]),
        to_alarm=int(given.get("DatapointsToAlarm") or given["EvaluationPeriods"]),
        missing="ignore" if is_dynamodb else given.get("TreatMissingData", "missing"),
        period=next(int(stat["Period"]) for stat in stats.values()),
    )


def _query_of(given: MetricAlarmTypeDef) -> MetricDataQueryOutputTypeDef:
    """The query of an alarm on a single metric."""
    metric: MetricOutputTypeDef = {
        "Namespace": given["Namespace"],
        "MetricName": given["MetricName"],
        "Dimensions": given.get("Dimensions", []),
    }
    statistic = given.get("ExtendedStatistic") or given["Statistic"]
    return {"Id": "m", "MetricStat": {"Metric": metric, "Period": given["Period"], "Stat": statistic}}


def _metric(given: MetricStatOutputTypeDef) -> Metric:
    metric = given["Metric"]
    dimensions = tuple((each["Name"], each["Value"]) for each in metric.get("Dimensions", []))
    return Metric(metric["Namespace"], metric["MetricName"], dimensions, given["Stat"])


def evaluate_alarm(alarm: Alarm, minutes: Mapping[Metric, Series], end: int) -> tuple[State, str] | None:
    """The state of an alarm at `end`, the end of a minute, and the reason; None to keep the current state.

    `minutes` has the values of each metric by minute. The window slides: its last period ends at `end`.
    Missing data is treated as the alarm specifies, by the tables in CloudWatch's user guide. AWS also
    considers a few periods before the window; this does not.
    """
    begins = [end - alarm.period * back for back in range(alarm.seconds // alarm.period, 0, -1)]
    judged = begins[-alarm.periods :]
    series = {
        id: _of_periods(minutes.get(metric, {}), metric.statistic, alarm.period, begins)
        for id, metric in alarm.metrics.items()
    }
    band = None
    for id, text in alarm.expressions.items():
        found = evaluate(text, series, judged)
        if isinstance(found, dict):
            series[id] = found
        else:
            band = found
    values = series[alarm.judged]
    if alarm.band and band is None:
        return ("OK", "too little is known yet of what is usual") if alarm.state != "OK" else None
    known = [period for period in judged if period in values]
    breaching = sum(_breaches(alarm, values[period], band) for period in known)
    state = _state(alarm, breaching, len(known), begins_breaching=bool(known) and known[0] == judged[0])
    if state is None:
        return None
    said = ", ".join(f"{values[period]:g}" for period in known) or "no data"
    many = f"{breaching} of {alarm.periods} periods of {alarm.period} s are beyond the threshold ({said})"
    return state, many


def _state(alarm: Alarm, breaching: int, known: int, *, begins_breaching: bool) -> State | None:
    """The state, from how many known periods breach and how the alarm treats the missing ones."""
    if breaching >= alarm.to_alarm:
        return "ALARM"
    if known == alarm.periods or alarm.missing == "notBreaching":
        return "OK"
    if alarm.missing == "breaching":
        return "ALARM" if breaching + alarm.periods - known >= alarm.to_alarm else "OK"
    # `missing` and `ignore`: one period that does not breach is enough for OK. Here too few breach for an
    # alarm, unless the oldest breaching one begins the window: `missing` treats that as ALARM.
    if known > breaching:
        return "OK"
    if alarm.missing == "ignore":
        return None
    return "ALARM" if begins_breaching else "INSUFFICIENT_DATA"


def _breaches(alarm: Alarm, value: float, band: Band | None) -> bool:
    if band:
        lower = "Lower" in alarm.comparison and value < band.lower
        return lower or ("Upper" in alarm.comparison and value > band.upper)
    return _COMPARED[alarm.comparison](value, alarm.threshold)


def _of_periods(minutes: Series, statistic: str, period: int, begins: Sequence[int]) -> Series:
    found: Series = {}
    for begin in begins:
        inside = [minutes[at] for at in range(begin, begin + period, MINUTE) if at in minutes]
        if inside:
            found[begin] = _COMBINED[statistic](inside)
    return found
