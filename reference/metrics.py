"""The reference of metrics, from the code that writes them, and of alarms, from template.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from orderstream.archive import lambda_handler as maintenance
from orderstream.canary import lambda_handler as canary
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import document
from orderstream.feed import lambda_handler as feed
from orderstream.pending import lambda_handler as pending
from orderstream.pipeline import telemetry
from orderstream.totals import lambda_handler as totals
from orderstream.webhooks import queue_handler, send_handler
from reference.conditions import in_words
from reference.markdown import code, table

_STACK = "${AWS::StackName}-"
_COMPARISONS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}


def metrics() -> str:
    """A table of the metrics in the project's own namespace."""
    rows = [
        (code(name), unit, _dimensions(name), meaning)
        for written in (
            telemetry.METRICS,
            pending.METRICS,
            feed.METRICS,
            totals.METRICS,
            canary.METRICS,
            maintenance.METRICS,
            feed.METRICS,
            queue_handler.METRICS,
            send_handler.METRICS,
            _counted_in_logs(),
        )
        for name, (unit, meaning) in written.items()
    ]
    return table(("Metric", "Unit", "Dimensions", "Meaning"), rows)


def alarms() -> str:
    """A table of the alarms: meaning, condition, and when they exist; with links to the runbook."""
    rows = []
    for resource in _of_type("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
        properties = resource["Properties"]
        meaning, _, link = _text(properties["AlarmDescription"]).rpartition("${RunbookUrl}")
        name = f"[{_name(properties)}](../how-to/runbook.md{link})"
        notes = [f"Only if {in_words(resource['Condition'])}."] if "Condition" in resource else []
        if not properties.get("AlarmActions"):
            notes.append("Notifies nobody itself.")
        meaning = re.sub(r"\S*\$\{\w+\}", lambda found: code(found[0]), meaning.strip())
        rows.append((name, " ".join([meaning, *notes]), _condition(properties)))
    return table(("Alarm", "Meaning", "Goes off when"), rows)


def _dimensions(name: str) -> str:
    return "`Stack`, `Currency`" if name == telemetry.REVENUE else "`Stack`"


def _counted_in_logs() -> dict[str, tuple[str, str]]:
    """The metrics that filters of log groups count."""
    return {
        one["MetricName"]: (one["Unit"], f"lines of the access log that match {code(pattern)}")
        for resource in _of_type("AWS::Logs::MetricFilter")
        for pattern in [resource["Properties"]["FilterPattern"]]
        for one in resource["Properties"]["MetricTransformations"]
    }


def _of_type(*types: str) -> Iterator[Mapping[str, Any]]:
    return (one for one in document(TEMPLATE)["Resources"].values() if one["Type"] in types)


def _name(alarm: Mapping[str, Any]) -> str:
    return _text(alarm["AlarmName"]).removeprefix(_STACK)


def _condition(alarm: Mapping[str, Any]) -> str:
    if "AlarmRule" in alarm:
        names = {
            key: _name(one["Properties"])
            for key, one in document(TEMPLATE)["Resources"].items()
            if _is_alarm(one)
        }
        rule = _text(alarm["AlarmRule"])
        return code(re.sub(r'"\$\{(\w+)\}"', lambda found: names[found[1]], rule))
    periods = alarm["EvaluationPeriods"]
    of_these = alarm.get("DatapointsToAlarm", periods)
    often = f"in {of_these} of {periods} periods" if periods > 1 else "in one period"
    if "Metrics" not in alarm:
        value, seconds = _metric(alarm, alarm["Statistic"]), alarm["Period"]
        return f"{value} {_threshold(alarm)}, {often} of {_length(seconds)}"
    queries = [one["Fn::If"][1] if "Fn::If" in one else one for one in alarm["Metrics"]]
    series = [(one["Id"], one["MetricStat"]) for one in queries if "MetricStat" in one]
    steps = [(one["Id"], _text(one["Expression"])) for one in queries if "Expression" in one]
    length = _length(series[0][1]["Period"])
    where = [f"{code(name)} is {_metric(stat['Metric'], stat['Stat'])}" for name, stat in series]
    where += [f"{code(name)} is {code(expression)}" for name, expression in steps[:-1]]
    _, result = steps[-1]
    return f"{code(result)} {_threshold(alarm)}, {often} of {length}, where {', '.join(where)}"


def _is_alarm(resource: Mapping[str, Any]) -> bool:
    return bool(resource["Type"] == "AWS::CloudWatch::Alarm")


def _threshold(alarm: Mapping[str, Any]) -> str:
    if "ThresholdMetricId" in alarm:
        return "is left"
    return f"{_COMPARISONS[alarm['ComparisonOperator']]} {code(_text(alarm['Threshold']))}"


def _metric(metric: Mapping[str, Any], statistic: str) -> str:
    dimensions = [one for one in metric.get("Dimensions", ()) if one["Name"] not in _OF_THE_STACK]
    narrow = "".join(f", {one['Name']} {code(_text(one['Value']))}" for one in dimensions)
    return f"the {statistic.lower()} of {code(metric['MetricName'])} ({metric['Namespace']}{narrow})"


# These name the stack's only stream, table, function, mapping or API.
_OF_THE_STACK = {"ApiId", "EventSourceMappingUUID", "FunctionName", "Stack", "StreamName", "TableName"}


def _length(seconds: int) -> str:
    for unit, size in (("hour", 3600), ("minute", 60)):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}s" if count > 1 else f"a {unit}" if unit == "minute" else f"an {unit}"
    return f"{seconds} seconds"


def _text(value: Any) -> str:
    """A value of the template as it is written there."""
    match value:
        case {"Fn::Sub": str(text)}:
            return " ".join(text.split())
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::If": [_, one, _]}:
            return _text(one)
    return str(value)
