"""Patches MiniStack with the features that template.yaml needs; run as a process, it starts MiniStack.

Each function is one patch, named for what it adds. All of them use MiniStack's internals, so its version is
pinned. With a release that lacks one of them, the process exits at the start and prints the missing name.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.core import lambda_runtime
from ministack.services import apigateway, cloudwatch, cloudwatch_logs, kinesis, lambda_svc
from ministack.services.cloudformation import provisioners

from orderstream.local import (
    cloudformation,
    dynamodb_streams,
    iam_patches,
    pipe_patches,
    request_guard,
    table_settings,
)
from orderstream.local.emf import metrics_of_line
from orderstream.local.patches import Patches, require_attr

Attributes = tuple[str, dict[str, str]]
# Status, headers, body.
Answer = tuple[int, Any, Any]

PATCHES = Patches()
PATCHES.need(kinesis, "_shard_iterators", "_resolve_stream", "_max_shard_index", "_build_shards")
PATCHES.need(lambda_svc, "_esms", "_functions")
PATCHES.need(lambda_runtime, "_workers", "_worker_key", "_lock", "ensure_spawned", "kill_workers")
PATCHES.need(apigateway, "_apis")
PATCHES.need(cloudwatch, "record_metric", "_store_datum")
_OF_ONE_METRIC = (
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Period",
    "Dimensions",
    "Unit",
)


@PATCHES.replace("_evaluate_alarm", cloudwatch)
def disable_alarm_evaluation(plain: object, alarm: Any) -> None:
    """MiniStack ignores dimensions when it evaluates alarms; `local/alarms` evaluates them as AWS does."""


@PATCHES.replace("_cw_metric_alarm_record", provisioners)
def support_alarms_on_expressions(
    plain: Callable[..., dict[str, Any]], name: str, properties: dict[str, Any]
) -> dict[str, Any]:
    """Support alarms on expressions (`Metrics`) in templates."""
    metrics = properties.get("Metrics")
    if not metrics:
        return plain(name, properties)
    alarm = plain(name, {"Threshold": 0, **properties, "Metrics": None, "MetricName": "-", "Namespace": "-"})
    for unused in _OF_ONE_METRIC:
        del alarm[unused]
    alarm["Metrics"] = [_metric(metric) for metric in metrics]
    if "ThresholdMetricId" in properties:
        del alarm["Threshold"]
        alarm["ThresholdMetricId"] = properties["ThresholdMetricId"]
    return alarm


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
    put = require_attr(cloudwatch, "_put_composite_alarm")
    alarms = require_attr(cloudwatch, "_composite_alarms")

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
    register = require_attr(kinesis, "_register_consumer")
    deregister = require_attr(kinesis, "_deregister_consumer")

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


@PATCHES.replace("_validate_event_source_arn", lambda_svc)
def map_stream_consumers(plain: Callable[[str], Any], arn: str) -> Any:
    """Let a mapping read through a consumer. MiniStack's templates allow its ARN; its API does not."""
    return plain(arn.partition("/consumer/")[0])


@PATCHES.replace("_expire_records", kinesis)
def keep_iterators_in_place(plain: Callable[[dict[str, Any]], None], stream: dict[str, Any]) -> None:
    """Keep iterators at their records: MiniStack's are indices into a list that loses expired records."""
    before = {shard_id: len(shard["records"]) for shard_id, shard in stream["shards"].items()}
    plain(stream)
    for shard_id, shard in stream["shards"].items():
        gone = before[shard_id] - len(shard["records"])
        for state in kinesis._shard_iterators.values() if gone else ():
            if (state["stream_arn"], state["shard_id"]) == (stream["StreamARN"], shard_id):
                state["position"] = max(0, state["position"] - gone)


@PATCHES.replace("_update_shard_count", kinesis)
def number_resized_shards_anew(plain: Callable[[Any], Answer], given: Any) -> Answer:
    """Give the shards that UpdateShardCount makes new ids; MiniStack gives them those of the old ones."""
    stream = kinesis._resolve_stream(given)[1]
    number = kinesis._max_shard_index(stream) + 1 if stream else 0
    answer = plain(given)
    if answer[0] < 300:
        stream["shards"] = kinesis._build_shards(len(stream["shards"]), number)
    return answer


def follow_templates_of_mappings() -> None:
    """Keep the MetricsConfig of a mapping in a template, and create it disabled if the template says so."""
    mappings = require_attr(lambda_svc, "_esms")
    handlers = require_attr(provisioners, "_RESOURCE_HANDLERS")["AWS::Lambda::EventSourceMapping"]

    def keeping(handle: Callable[..., Attributes]) -> Callable[..., Attributes]:
        # The properties are the second to last argument of both create and update.
        def handled(*arguments: Any) -> Attributes:
            *before, given, stack_name = arguments
            if "Enabled" in given:
                given = {**given, "Enabled": str(given["Enabled"]).lower() == "true"}
            made = handle(*before, given, stack_name)
            mapping = mappings[made[0]]
            mapping["State"] = "Enabled" if mapping["Enabled"] else "Disabled"
            mapping["MetricsConfig"] = given.get("MetricsConfig", {"Metrics": []})
            return made

        return handled

    _register(
        "AWS::Lambda::EventSourceMapping",
        keeping(handlers["create"]),
        keeping(handlers["update"]),
        handlers["delete"],
    )


@PATCHES.replace("_create_esm", lambda_svc)
def keep_metrics_of_created_mappings(plain: Callable[[Any], Answer], given: dict[str, Any]) -> Answer:
    """Keep the MetricsConfig of CreateEventSourceMapping."""
    answer = plain(given)
    if answer[0] < 300 and "MetricsConfig" in given:
        made = json.loads(answer[2])
        lambda_svc._esms[made["UUID"]]["MetricsConfig"] = made["MetricsConfig"] = given["MetricsConfig"]
        return answer[0], answer[1], json.dumps(made).encode()
    return answer


@PATCHES.replace("find_api_scope", apigateway)
def allow_unsigned_http_api(plain: object, api_id: str) -> tuple[str, str] | None:
    """Find an HTTP API by its id alone, because an unsigned request has no account to search in."""
    apis = apigateway._apis.all_items()
    return next(((account, region) for (account, region, one), _ in apis if one == api_id), None)


@PATCHES.replace("_emit_lambda_metrics", lambda_svc)
def exclude_throttled_invocations(
    plain: Callable[..., None], name: str, duration_ms: float, error: bool, throttle: bool
) -> None:
    """Do not count a throttled request as an invocation."""
    if throttle:
        cloudwatch.record_metric("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": name})
    else:
        plain(name, duration_ms, error, throttle)


@PATCHES.replace("_reserved_concurrency", lambda_svc)
def reserve_concurrency_for_every_version(
    plain: Callable[..., int | None], version: Any, config: dict[str, Any]
) -> int | None:
    """Apply a function's reserved concurrency to all of its versions."""
    return plain(lambda_svc._functions.get(config["FunctionName"]) or version, config)


@PATCHES.replace("acquire_worker", lambda_svc)
def keep_processes_when_another_cannot_start(
    plain: Callable[..., tuple[Any, str]], name: str, config: Any, code: bytes, qualifier: str = "$LATEST"
) -> tuple[Any, str]:
    """Throttle an invocation whose process cannot start, for example on a full disk, while there are others.

    MiniStack ends these as well, and so the function stops.
    """
    worker, reason = plain(name, config, code, qualifier)
    workers = lambda_runtime._workers
    key = lambda_runtime._worker_key(name, config, qualifier)
    if worker and len(workers.get(key, ())) > 1:
        try:
            lambda_runtime.ensure_spawned(worker)
        except OSError:
            with lambda_runtime._lock:
                workers[key] = [other for other in workers.get(key, ()) if other is not worker]
            lambda_runtime.kill_workers([worker])
            return None, "func_cap"
    return worker, reason


@PATCHES.replace("_append_log_events", cloudwatch_logs)
def extract_emf(
    plain: Callable[[Any, list[dict[str, Any]]], None], stream: Any, events: list[dict[str, Any]]
) -> None:
    """Extract metrics from log lines in embedded metric format, as CloudWatch Logs does."""
    plain(stream, events)
    for event in events:
        for found in metrics_of_line(event["message"], event["timestamp"] / 1000):
            counts = [float(count) for count in found.values.values()]
            where = (found.namespace, found.name, found.dimensions, found.at, found.unit)
            cloudwatch._store_datum(*where, None, list(found.values), counts, None)


def change_settings() -> None:
    """Change what is a constant in MiniStack."""
    # /health belongs to the HTTP API: MiniStack's own is also at /_ministack/health.
    app._HEALTH_PATHS = tuple(path for path in require_attr(app, "_HEALTH_PATHS") if path != "/health")
    # A subscriber gets an event at least twice a second, so that it can stop as fast.
    require_attr(kinesis, "_SUBSCRIPTION_IDLE_SECONDS")
    kinesis._SUBSCRIPTION_IDLE_SECONDS = 0.5


def _register(
    kind: str,
    create: Callable[..., Attributes],
    update: Callable[..., Attributes],
    delete: Callable[..., None],
) -> None:
    handlers = require_attr(provisioners, "_RESOURCE_HANDLERS")
    handlers[kind] = {"create": create, "update": update, "delete": delete}


def _done(answer: Answer) -> dict[str, Any]:
    """The response of a MiniStack handler; an error fails the resource, as on AWS."""
    status, _, body = answer
    document: dict[str, Any] = json.loads(body) if body else {}
    if status >= 300:
        raise ValueError(document.get("message") or document.get("Message") or str(document))
    return document


def main() -> None:
    """Apply the patches and run MiniStack until it is told to stop."""
    PATCHES.apply()
    support_composite_alarms()
    support_stream_consumers()
    follow_templates_of_mappings()
    change_settings()
    cloudformation.follow_aws()
    dynamodb_streams.follow_aws()
    table_settings.follow_aws()
    iam_patches.follow_aws()
    pipe_patches.follow_aws()
    request_guard.install()
    app.main()
