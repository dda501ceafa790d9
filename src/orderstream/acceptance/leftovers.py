"""Finds what a run left: everything named after its stack or with its tag, in every service."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from botocore.exceptions import ClientError

from orderstream.acceptance import roles
from orderstream.acceptance.context import Context
from orderstream.acceptance.roles import listed
from orderstream.deploy.inventory import code_bucket
from orderstream.deploy.retained import find_retained
from orderstream.errors import CloudError
from orderstream.sdk.errors import error_code, translate_errors


def leftovers(context: Context) -> list[str]:
    """One line for each resource."""
    found = []
    for kind, look in LOOKS.items():
        with translate_errors(f"cannot look for what is left ({kind})"):
            found += [f"{kind} {one}" for one in look(context)]
    return sorted(found)


def ensure_free(context: Context) -> None:
    """Raise CloudError if anything of this name exists already: existing resources are never touched."""
    if found := leftovers(context):
        raise CloudError(
            f"{context.name} is there already: {'; '.join(found)}",
            hint=f"take it down first: orders stack accept --clean-up {context.name}",
        )


def subscriptions(context: Context) -> list[str]:
    """The ARNs of the subscriptions to the run's topic."""
    found = listed(context.cloud.client("sns"), "list_subscriptions", "Subscriptions")
    return [one["SubscriptionArn"] for one in found if f":{context.name}-" in one["TopicArn"]]


def queues(context: Context) -> list[str]:
    """The URLs of the run's queues."""
    return list(context.cloud.sqs.list_queues(QueueNamePrefix=context.name).get("QueueUrls", []))


def workgroups(context: Context) -> list[str]:
    """The run's Athena workgroup, if it exists."""
    try:
        context.cloud.client("athena").get_work_group(WorkGroup=context.name)
    except ClientError as error:
        if error_code(error) != "InvalidRequestException":
            raise
        return []
    return [context.name]


def detectors(context: Context) -> list[Any]:
    """The anomaly detectors that CloudWatch created for the order rate: they outlive the alarm."""
    if context.place.is_local:
        # MiniStack does not support it.
        return []
    stream = [{"Name": "StreamName", "Value": f"{context.name}-OrderStream"}]
    found: Any = context.cloud.cloudwatch.describe_anomaly_detectors(
        Namespace="AWS/Kinesis",
        MetricName="IncomingRecords",
        Dimensions=stream,  # type: ignore[arg-type]
    )
    return [
        one["SingleMetricAnomalyDetector"]
        for one in found["AnomalyDetectors"]
        if "SingleMetricAnomalyDetector" in one
    ]


def _stacks(context: Context) -> list[str]:
    found = listed(context.cloud.cloudformation, "describe_stacks", "Stacks")
    return _ours(context, (one["StackName"] for one in found))


def _buckets(context: Context) -> list[str]:
    return _ours(context, (one["Name"] for one in context.cloud.s3.list_buckets()["Buckets"]))


def _code(context: Context) -> list[str]:
    bucket, s3 = code_bucket(context.cloud), context.cloud.s3
    if not bucket:
        return []
    try:
        found = list(listed(s3, "list_objects_v2", "Contents", Bucket=bucket, Prefix=context.name))
    except s3.exceptions.NoSuchBucket:
        return []
    return [f"s3://{bucket}/{one['Key']}" for one in found]


def _tagged(context: Context) -> list[str]:
    left = find_retained(context.cloud, context.name)
    return [*left.tables, *left.buckets]


def _tables(context: Context) -> list[str]:
    return _ours(context, listed(context.cloud.dynamodb, "list_tables", "TableNames"))


def _streams(context: Context) -> list[str]:
    return _ours(context, listed(context.cloud.kinesis, "list_streams", "StreamNames"))


def _functions(context: Context) -> list[str]:
    found = listed(context.cloud.lambda_, "list_functions", "Functions")
    return _ours(context, (one["FunctionName"] for one in found))


def _mappings(context: Context) -> list[str]:
    found = listed(context.cloud.lambda_, "list_event_source_mappings", "EventSourceMappings")
    about = {one["UUID"]: f"{one['EventSourceArn']} {one['FunctionArn']}" for one in found}
    return [uuid for uuid, said in about.items() if f"{context.name}-" in said]


def _logs(context: Context) -> list[str]:
    # Those of the functions, and that of the HTTP API, which has a prefix that API Gateway may write to.
    prefixes = [f"/aws/{service}/{context.name}" for service in ("lambda", "vendedlogs")]
    return [
        group["logGroupName"]
        for prefix in prefixes
        for group in listed(context.cloud.logs, "describe_log_groups", "logGroups", logGroupNamePrefix=prefix)
    ]


def _alarms(context: Context) -> list[str]:
    pages = context.cloud.cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=context.name, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    return [one["AlarmName"] for page in pages for one in [*page["MetricAlarms"], *page["CompositeAlarms"]]]


def _dashboards(context: Context) -> list[str]:
    found = context.cloud.cloudwatch.list_dashboards(DashboardNamePrefix=context.name)
    return [one["DashboardName"] for one in found["DashboardEntries"]]


def _topics(context: Context) -> list[str]:
    found = listed(context.cloud.client("sns"), "list_topics", "Topics")
    return [one["TopicArn"] for one in found if f":{context.name}" in one["TopicArn"]]


def _rules(context: Context) -> list[str]:
    found = context.cloud.client("events").list_rules(NamePrefix=context.name)
    return [one["Name"] for one in found["Rules"]]


def _databases(context: Context) -> list[str]:
    found = listed(context.cloud.client("glue"), "get_databases", "DatabaseList")
    return [one["Name"] for one in found if one["Name"].startswith(context.name.replace("-", "_"))]


def _apis(context: Context) -> list[str]:
    found = listed(context.cloud.client("apigatewayv2"), "get_apis", "Items")
    return _ours(context, (one["Name"] for one in found))


def _roles(context: Context) -> list[str]:
    found = listed(context.cloud.client("iam"), "list_roles", "Roles")
    return _ours(context, (one["RoleName"] for one in found))


def _policies(context: Context) -> list[str]:
    return roles.named(context.cloud, context.name)[1]


def _ours(context: Context, names: Iterable[str]) -> list[str]:
    return [one for one in names if one.startswith(context.name)]


LOOKS: dict[str, Callable[[Context], list[Any]]] = {
    "stack": _stacks,
    "bucket": _buckets,
    "code": _code,
    "tag of": _tagged,
    "table": _tables,
    "stream": _streams,
    "function": _functions,
    "event source mapping": _mappings,
    "log group": _logs,
    "alarm": _alarms,
    "anomaly detector": detectors,
    "dashboard": _dashboards,
    "topic": _topics,
    "subscription": subscriptions,
    "queue": queues,
    "rule": _rules,
    "Glue database": _databases,
    "HTTP API": _apis,
    "Athena workgroup": workgroups,
    "role": _roles,
    "policy": _policies,
}
