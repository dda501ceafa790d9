"""Patches MiniStack with the features that template.yaml needs; run as a process, it starts MiniStack.

Each function is one patch, named for what it adds. All of them use MiniStack's internals, so its version is
pinned. With a release that lacks one of them, the process exits at the start and prints the missing name.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.services import apigateway, cloudwatch, cloudwatch_logs, kinesis, lambda_svc
from ministack.services.cloudformation import provisioners

from orderstream.local import cloudformation, iam_patches, request_guard
from orderstream.local.emf import metrics_of_line
from orderstream.local.iam_patches import require_attr as _must_have

Attributes = tuple[str, dict[str, str]]


def disable_alarm_evaluation() -> None:
    """MiniStack ignores dimensions when it evaluates alarms; `local/alarms` evaluates them as AWS does."""
    _must_have(cloudwatch, "_evaluate_alarm")
    cloudwatch._evaluate_alarm = lambda alarm: None


def support_alarms_on_expressions() -> None:
    """Support alarms on expressions (`Metrics`) in templates."""
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
    """Convert a MetricDataQuery to the types of the API: in a template, numbers may be strings."""
    metric = dict(given)
    if "ReturnData" in metric:
        metric["ReturnData"] = str(metric["ReturnData"]).lower() == "true"
    if "Period" in metric:
        metric["Period"] = int(metric["Period"])
    if "MetricStat" in metric:
        metric["MetricStat"] = {**metric["MetricStat"], "Period": int(metric["MetricStat"]["Period"])}
    return metric


def support_composite_alarms() -> None:
    """Support AWS::CloudWatch::CompositeAlarm, by PutCompositeAlarm."""
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


def support_stream_consumers() -> None:
    """Support AWS::Kinesis::StreamConsumer, by RegisterStreamConsumer."""
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

    # A mapping may read through a consumer. Templates allow its ARN; MiniStack's API only that of a stream.
    plain: Callable[[str], Any] = _must_have(lambda_svc, "_validate_event_source_arn")
    lambda_svc._validate_event_source_arn = lambda arn: plain(arn.partition("/consumer/")[0])


def keep_metrics_of_mappings() -> None:
    """Keep the MetricsConfig of an event source mapping, from a template or the API."""
    mappings = _must_have(lambda_svc, "_esms")
    plain: Callable[..., tuple[int, Any, Any]] = _must_have(lambda_svc, "_create_esm")
    handlers = _must_have(provisioners, "_RESOURCE_HANDLERS")["AWS::Lambda::EventSourceMapping"]

    def create(given: dict[str, Any]) -> tuple[int, Any, Any]:
        answer = plain(given)
        if answer[0] < 300 and "MetricsConfig" in given:
            made = json.loads(answer[2])
            mappings[made["UUID"]]["MetricsConfig"] = made["MetricsConfig"] = given["MetricsConfig"]
            return answer[0], answer[1], json.dumps(made).encode()
        return answer

    def keeping(handle: Callable[..., Attributes]) -> Callable[..., Attributes]:
        # The properties are the second to last argument of both create and update.
        def handled(*arguments: Any) -> Attributes:
            made = handle(*arguments)
            mappings[made[0]]["MetricsConfig"] = arguments[-2].get("MetricsConfig", {"Metrics": []})
            return made

        return handled

    lambda_svc._create_esm = create
    _register(
        "AWS::Lambda::EventSourceMapping",
        keeping(handlers["create"]),
        keeping(handlers["update"]),
        handlers["delete"],
    )


def allow_unsigned_http_api() -> None:
    """Find an HTTP API by its id alone, because an unsigned request has no account to search in.

    /health belongs to the API: MiniStack's own is also at /_ministack/health.
    """
    apis = _must_have(apigateway, "_apis")
    _must_have(apigateway, "find_api_scope")

    def owner(api_id: str) -> tuple[str, str] | None:
        found = ((account, region) for (account, region, one), _ in apis.all_items() if one == api_id)
        return next(found, None)

    apigateway.find_api_scope = owner
    app._HEALTH_PATHS = tuple(path for path in _must_have(app, "_HEALTH_PATHS") if path != "/health")


def exclude_throttled_invocations() -> None:
    """Do not count a throttled request as an invocation."""
    plain: Callable[..., None] = _must_have(lambda_svc, "_emit_lambda_metrics")
    record: Callable[..., None] = _must_have(cloudwatch, "record_metric")

    def emit(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        if throttle:
            record("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": name})
        else:
            plain(name, duration_ms, error, throttle)

    lambda_svc._emit_lambda_metrics = emit


def reserve_concurrency_for_every_version() -> None:
    """Apply a function's reserved concurrency to all of its versions."""
    functions = _must_have(lambda_svc, "_functions")
    plain: Callable[..., int | None] = _must_have(lambda_svc, "_reserved_concurrency")
    lambda_svc._reserved_concurrency = lambda version, config: plain(
        functions.get(config["FunctionName"]) or version, config
    )


def extract_emf() -> None:
    """Extract metrics from log lines in embedded metric format, as CloudWatch Logs does."""
    plain: Callable[[Any, list[dict[str, Any]]], None] = _must_have(cloudwatch_logs, "_append_log_events")
    store = _must_have(cloudwatch, "_store_datum")

    def append(stream: Any, events: list[dict[str, Any]]) -> None:
        plain(stream, events)
        for event in events:
            for found in metrics_of_line(event["message"], event["timestamp"] / 1000):
                counts = [float(count) for count in found.values.values()]
                where = (found.namespace, found.name, found.dimensions, found.at, found.unit)
                store(*where, None, list(found.values), counts, None)

    cloudwatch_logs._append_log_events = append


def _register(
    kind: str,
    create: Callable[..., Attributes],
    update: Callable[..., Attributes],
    delete: Callable[..., None],
) -> None:
    handlers = _must_have(provisioners, "_RESOURCE_HANDLERS")
    handlers[kind] = {"create": create, "update": update, "delete": delete}


def _done(answer: tuple[int, Any, Any]) -> dict[str, Any]:
    """The response of a MiniStack handler; an error fails the resource, as on AWS."""
    status, _, body = answer
    document: dict[str, Any] = json.loads(body) if body else {}
    if status >= 300:
        raise ValueError(document.get("message") or document.get("Message") or str(document))
    return document


def main() -> None:
    """Apply the patches and run MiniStack until it is told to stop."""
    disable_alarm_evaluation()
    support_alarms_on_expressions()
    support_composite_alarms()
    support_stream_consumers()
    keep_metrics_of_mappings()
    cloudformation.follow_aws()
    allow_unsigned_http_api()
    exclude_throttled_invocations()
    reserve_concurrency_for_every_version()
    extract_emf()
    iam_patches.follow_aws()
    request_guard.install()
    app.main()
