"""Checks of monitoring: alarms and their notifications, dashboard, metrics, canary, maintenance."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

from orderstream.acceptance.cleanup import queue_name, remove_queue
from orderstream.acceptance.context import Context, Evidence, expect
from orderstream.acceptance.traffic import OTHER_CONTENT, accounted, await_stored, new_orders, send
from orderstream.aws.alarms import describe_alarms
from orderstream.aws.metrics import MINUTE, Metric, read_metrics
from orderstream.aws.stack import describe_stack
from orderstream.deploy.stack_state import resources
from orderstream.pipeline.telemetry import NAMESPACE
from orderstream.sdk.errors import translate_errors

# How long a five-minute alarm may take to react to a metric from the function's log.
_ALARM_SECONDS = 900.0
_METRIC_SECONDS = 600.0
_OUTCOMES = ("Stored", "Duplicates", "Conflicts", "Invalid")
_TYPES = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")


def alarms(context: Context) -> Evidence:
    """Every alarm of the template exists, can be evaluated, and links to its runbook section."""
    found = describe_stack(context.cloud, context.name)
    wanted = {
        one.physical_id for one in resources(context.cloud, found.id if found else "") if one.type in _TYPES
    }

    def look() -> Evidence:
        with translate_errors("cannot list the alarms"):
            listed = list(describe_alarms(context.cloud, context.name))
        there = {one["AlarmName"]: one for one in listed}
        names = {one.rpartition(":alarm:")[2] for one in wanted}
        expect(there.keys() == names, f"missing are {sorted(names - there.keys())}")
        unclear = [name for name, one in there.items() if "#" not in one.get("AlarmDescription", "")]
        expect(not unclear, f"no page of the runbook: {unclear}")
        broken = {
            name: one["EvaluationState"]
            for name, one in there.items()
            if one.get("EvaluationState", "PARTIAL_DATA") != "PARTIAL_DATA"
        }
        expect(not broken, f"cannot be evaluated: {broken}")
        rate = there[f"{context.name}-order-rate"]
        expect(rate.get("ThresholdMetricId"), "order-rate has no band")
        states = [one["StateValue"] for one in listed]
        return {
            "alarms": len(listed),
            **{state: states.count(state) for state in sorted(set(states))},
            "band": rate["StateValue"],
        }

    return context.until(look, seconds=120, what="the alarms")


def table_scaling(context: Context) -> Evidence:
    """Each table and index that is provisioned has its scaling policies, and alarms that start them."""
    deployment, scaling = context.deployment, context.cloud.client("application-autoscaling")
    wanted: set[tuple[str, str]] = set()
    alarms: dict[tuple[str, str], int] = {}
    with translate_errors("cannot read how the tables scale"):
        for table in (deployment.table, deployment.events_table):
            described = context.cloud.dynamodb.describe_table(TableName=table)["Table"]
            names = [one["IndexName"] for one in described.get("GlobalSecondaryIndexes", ())]
            places = [("table", f"table/{table}")] + [
                ("index", f"table/{table}/index/{one}") for one in names
            ]
            for kind, resource in places:
                wanted |= {(resource, f"dynamodb:{kind}:{one}CapacityUnits") for one in ("Read", "Write")}
            for _, resource in places:
                answer = scaling.describe_scaling_policies(ServiceNamespace="dynamodb", ResourceId=resource)
                for one in answer["ScalingPolicies"]:
                    alarms[resource, one["ScalableDimension"]] = len(one["Alarms"])
    missing = sorted(place for place in wanted if not alarms.get(place))
    expect(not missing, f"nothing scales {missing}")
    return {"policies": len(alarms), "alarms": sum(alarms.values())}


def dashboard(context: Context) -> Evidence:
    """Put the existing dashboard again: CloudWatch reports what it does not accept."""
    watch = context.cloud.cloudwatch
    with translate_errors("cannot put the dashboard"):
        body = watch.get_dashboard(DashboardName=context.name)["DashboardBody"]
        said = watch.put_dashboard(DashboardName=context.name, DashboardBody=body)
    found = [one.get("Message", "") for one in said.get("DashboardValidationMessages", [])]
    expect(not found, f"CloudWatch says: {'; '.join(found)}")
    return {"widgets": len(json.loads(body)["widgets"]), "bytes": len(body), "messages": 0}


def alarm_subscriber(context: Context) -> Evidence:
    """Subscribe a queue to the topic, cause a conflict, and receive its alarm."""
    sqs, topic = context.cloud.sqs, context.output("AlarmTopic")
    with translate_errors("cannot subscribe a queue to the alarms"):
        url = sqs.create_queue(QueueName=queue_name(context))["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        context.cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    try:
        (order,) = orders = new_orders("alarm", 1)
        send(context, orders)
        await_stored(context, orders)
        send(context, [order | OTHER_CONTENT])
        begin = time.monotonic()
        told = context.until(
            lambda: _alarm_in(context, url, f"{context.name}-conflicts"),
            seconds=_ALARM_SECONDS,
            what="the alarm",
        )
        return {
            "alarm": told["AlarmName"],
            "state": told["NewStateValue"],
            "said": told["NewStateReason"],
            "seconds_from_the_conflict": round(time.monotonic() - begin),
        }
    finally:
        remove_queue(context)


def _alarm_in(context: Context, queue_url: str, name: str) -> dict[str, Any]:
    """The notification that the alarm went off."""
    with translate_errors("cannot read the queue of the alarms"):
        answer = context.cloud.sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1
        )
    told = [json.loads(json.loads(one["Body"])["Message"]) for one in answer.get("Messages", [])]
    found = [one for one in told if (one["AlarmName"], one["NewStateValue"]) == (name, "ALARM")]
    expect(found, f"no message of {name}")
    message: dict[str, Any] = found[0]
    return message


def metrics(context: Context) -> Evidence:
    """CloudWatch extracted the metrics from the function's log: their sums match `orders stack verify`."""
    names = ("Received", *_OUTCOMES, "Events", "Failed")
    wanted = [Metric(NAMESPACE, name, (("Stack", context.name),)) for name in names]

    def arrived(counts: Evidence) -> dict[str, int]:
        sums = {metric.name: round(value) for metric, value in metric_sums(context, wanted).items()}
        late = [name for name, count in counts.items() if sums[name] < count]
        expect(not late, f"{', '.join(late)}: the sums are {sums}, orders stack verify counts {counts}")
        return sums

    def look() -> Evidence:
        found = accounted(context).counts
        numbers = (found.stored, found.duplicates, found.conflicts, found.invalid)
        counts = dict(zip(_OUTCOMES, numbers, strict=True))
        sums = context.until(lambda: arrived(counts), seconds=_METRIC_SECONDS, what="metrics")
        # Records are delivered at least once, so other outcomes may be counted twice, but stored only once.
        # (If a canary order arrived in the meantime, everything is counted again here.)
        stored, received = sums["Stored"], sums["Received"]
        expect(
            stored == counts["Stored"],
            f"{stored:,} are stored, orders stack verify counts {counts['Stored']:,}",
        )
        parts = sum(sums.values()) - received
        expect(received == parts, f"{received:,} were received, the outcomes add up to {parts:,}")
        return {**sums, "verified": counts}

    return context.until(look, seconds=120, what="metrics")


def canary(context: Context) -> Evidence:
    """Invoke the canary: its order is stored, and its metric arrives."""
    flight = _invoked(context, "Canary")
    expect(flight.get("arrived"), f"the canary did not arrive: {flight}")
    metric = Metric(NAMESPACE, "CanaryArrived", (("Stack", context.name),))

    def look() -> float:
        found = metric_sums(context, [metric])[metric]
        expect(found > 0, "CanaryArrived has no value")
        return found

    arrived = context.until(look, seconds=_METRIC_SECONDS, what="the canary's metric")
    return {"seconds": flight["seconds"], "CanaryArrived": round(arrived)}


def pending(context: Context) -> Evidence:
    """Invoke the function that measures what waits: it may read the index."""
    return {f"{name}_s": age for name, age in _invoked(context, "CheckPending").items()} or {"waiting": 0}


def maintenance(context: Context) -> Evidence:
    """Invoke the archive's maintenance: it starts, with DuckDB for its architecture, and runs once."""
    found = _invoked(context, "MaintainArchive")
    expect(not found["problems"], f"{found['problems']} hours were left as they were")
    return {name: found[name] for name in ("sealed", "compacted", "late", "problems")}


def _invoked(context: Context, logical_id: str) -> dict[str, Any]:
    name = context.physical_id(logical_id)
    with translate_errors(f"cannot invoke {name}"):
        answer = context.cloud.lambda_.invoke(FunctionName=name, Payload=b"{}")
        found = json.loads(answer["Payload"].read() or b"{}")
    expect(not answer.get("FunctionError"), f"{name} fails: {found.get('errorMessage', found)}")
    result: dict[str, Any] = found
    return result


def metric_sums(context: Context, wanted: list[Metric]) -> dict[Metric, float]:
    """The sums of metrics over the run, which takes less than a day."""
    now = context.cloud.now()
    begin = int((now - timedelta(days=1)).timestamp()) // MINUTE * MINUTE
    with translate_errors("cannot read metrics"):
        found = read_metrics(context.cloud, wanted, begin, int(now.timestamp()) + 2 * MINUTE)
    return {metric: sum(values.values()) for metric, values in found.items()}
