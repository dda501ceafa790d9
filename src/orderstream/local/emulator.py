"""MiniStack with what template.yaml needs and it lacks; run as a process, it starts MiniStack.

Each addition is named by its function. All of them reach into MiniStack's own modules: its version is pinned,
and a release that has moved what is used here ends at the start, with the name that is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.services import cloudwatch, kinesis
from ministack.services.cloudformation import provisioners

from orderstream.local import permissions
from orderstream.local.permissions import must_have as _must_have

Attributes = tuple[str, dict[str, str]]


def leave_alarms_alone() -> None:
    """MiniStack judges by metrics of any dimensions: `local/alarms` does it as AWS does."""
    _must_have(cloudwatch, "_evaluate_alarm")
    cloudwatch._evaluate_alarm = lambda alarm: None


def make_alarms_on_expressions() -> None:
    """Alarms whose metric is an expression (`Metrics`), out of a template."""
    plain: Callable[..., dict[str, Any]] = _must_have(provisioners, "_cw_metric_alarm_record")

    def record(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        metrics = properties.get("Metrics")
        if not metrics:
            return plain(name, properties)
        stand_in = {"Metrics": None, "MetricName": "-", "Namespace": "-"}
        alarm = plain(name, {"Threshold": 0, **properties, **stand_in})
        for unused in (
            "MetricName",
            "Namespace",
            "Statistic",
            "ExtendedStatistic",
            "Period",
            "Dimensions",
            "Unit",
        ):
            del alarm[unused]
        alarm["Metrics"] = [_metric(metric) for metric in metrics]
        if "ThresholdMetricId" in properties:
            del alarm["Threshold"]
            alarm["ThresholdMetricId"] = properties["ThresholdMetricId"]
        return alarm

    provisioners._cw_metric_alarm_record = record


def _metric(given: dict[str, Any]) -> dict[str, Any]:
    """A MetricDataQuery with the types of the API: in a template, numbers may be text."""
    metric = dict(given)
    if "ReturnData" in metric:
        metric["ReturnData"] = str(metric["ReturnData"]).lower() == "true"
    if "Period" in metric:
        metric["Period"] = int(metric["Period"])
    if "MetricStat" in metric:
        metric["MetricStat"] = {**metric["MetricStat"], "Period": int(metric["MetricStat"]["Period"])}
    return metric


def make_composite_alarms() -> None:
    """AWS::CloudWatch::CompositeAlarm, by PutCompositeAlarm."""
    put = _must_have(cloudwatch, "_put_composite_alarm")
    alarms = _must_have(cloudwatch, "_composite_alarms")

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Attributes:
        name = properties.get("AlarmName") or f"{stack_name}-{logical_id}"
        _done(put({}, {**properties, "AlarmName": name}, False, True))
        return name, {"Arn": alarms[name]["AlarmArn"]}

    def update(name: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Attributes:
        return create("", {**new, "AlarmName": name}, stack_name)

    def delete(name: str, properties: dict[str, Any]) -> None:
        alarms.pop(name, None)

    _register("AWS::CloudWatch::CompositeAlarm", create, update, delete)


def make_stream_consumers() -> None:
    """AWS::Kinesis::StreamConsumer, by RegisterStreamConsumer."""
    register = _must_have(kinesis, "_register_consumer")
    deregister = _must_have(kinesis, "_deregister_consumer")

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Attributes:
        answer = _done(register({name: properties[name] for name in ("StreamARN", "ConsumerName")}))
        consumer = answer["Consumer"]
        arn = consumer["ConsumerARN"]
        return arn, {
            "ConsumerARN": arn,
            "ConsumerName": consumer["ConsumerName"],
            "StreamARN": properties["StreamARN"],
        }

    def update(arn: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Attributes:
        delete(arn, old)
        return create("", new, stack_name)

    def delete(arn: str, properties: dict[str, Any]) -> None:
        deregister({"ConsumerARN": arn})

    _register("AWS::Kinesis::StreamConsumer", create, update, delete)


def _register(
    kind: str,
    create: Callable[..., Attributes],
    update: Callable[..., Attributes],
    delete: Callable[..., None],
) -> None:
    handlers = _must_have(provisioners, "_RESOURCE_HANDLERS")
    handlers[kind] = {"create": create, "update": update, "delete": delete}


def _done(answer: tuple[int, Any, Any]) -> dict[str, Any]:
    """What a handler of MiniStack answered; an error of it fails the resource, as on AWS."""
    status, _, body = answer
    document: dict[str, Any] = json.loads(body) if body else {}
    if status >= 300:
        raise ValueError(document.get("message") or document.get("Message") or str(document))
    return document


def main() -> None:
    """Make the additions and run MiniStack until it is told to stop."""
    leave_alarms_alone()
    make_alarms_on_expressions()
    make_composite_alarms()
    make_stream_consumers()
    permissions.follow_aws()
    app.main()
