"""Faults are in the figures that alarms look at; by these they go off and end, and tell those who listen.

A fault that has to last for minutes is caused once, for real. Its figures are put into CloudWatch for as
long, and the alarms are judged at the end of that time: so are the figures of AWS's own troubles.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from reference import PROJECT

from orderstream.aws.deployment import find_deployment
from orderstream.aws.metrics import Metric
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.local.alarms.evaluation_loop import LAG_SECONDS, AlarmEvaluationLoop
from orderstream.local.alarms.evaluator import alarm_of
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port
from tests.alarm_figures import EVIDENCE
from tests.integration.conftest import awaited
from tests.settings import changed

RUNBOOK = PROJECT / "docs/how-to/runbook.md"
PARAMETERS = {
    "BatchWindowSeconds": "0",
    "MaximumRetryAttempts": "1",
    "RetentionHours": "24",
    "IteratorAgeAlarmSeconds": "2",
    "LatencyObjectiveSeconds": "2",
    "CanaryMinutes": "5",
    "ShardCount": "1",
    "RunbookUrl": "https://runbook.example",
}
PLANTED = "planted-customer-17"


class Station:
    """A local cloud, and somebody who listens to its alarms."""

    def __init__(self, local: LocalCloud) -> None:
        self.local = local
        self.cloud = local.cloud
        # Here they are judged when a test says so.
        local.alarms.stop()
        (stack,) = self.cloud.cloudformation.describe_stacks(StackName=local.deployment.name)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        self.queue = self.cloud.sqs.create_queue(QueueName="listener")["QueueUrl"]
        wanted: Any = ["QueueArn"]
        attributes = self.cloud.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=wanted)
        sns: Any = self.cloud._client("sns")
        sns.subscribe(
            TopicArn=outputs["AlarmTopic"], Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"]
        )
        self._sent = 0

    def send(self, order: dict[str, Any] | bytes) -> None:
        data = order if isinstance(order, bytes) else json.dumps(order).encode()
        self.cloud.kinesis.put_record(StreamName="OrderStream", PartitionKey="k", Data=data)

    def order(self, **fields: Any) -> dict[str, Any]:
        self._sent += 1
        return {"order_id": f"A-{time.time_ns()}-{self._sent}", "customer_id": PLANTED, "amount": 1} | fields

    def alarm(self, name: str) -> Any:
        found = self.cloud.cloudwatch.describe_alarms(
            AlarmNames=[f"orderstream-{name}"], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        alarms: list[Any] = [*found["MetricAlarms"], *found["CompositeAlarms"]]
        (alarm,) = alarms
        return alarm

    def value(self, metric: Metric, seconds: float = 150) -> float | None:
        """The newest minute of a metric that has one above 0."""
        now = datetime.now(UTC)
        points = self.cloud.cloudwatch.get_metric_statistics(
            Namespace=metric.namespace,
            MetricName=metric.name,
            Dimensions=[{"Name": name, "Value": value} for name, value in metric.dimensions],
            StartTime=now - timedelta(seconds=seconds),
            EndTime=now + timedelta(seconds=60),
            Period=60,
            Statistics=["Sum", "Maximum"],
        )["Datapoints"]
        points.sort(key=lambda point: point["Timestamp"])
        values = [point["Sum" if metric.statistic == "Sum" else "Maximum"] for point in points]
        return next((value for value in reversed(values) if value > 0), None)

    def put(self, metric: Metric, value: float, minutes: range) -> None:
        """The value in each of these minutes, counted from the one that is now."""
        now = datetime.now(UTC)
        self.cloud.cloudwatch.put_metric_data(
            Namespace=metric.namespace,
            MetricData=[
                {
                    "MetricName": metric.name,
                    "Dimensions": [{"Name": name, "Value": text} for name, text in metric.dimensions],
                    "Timestamp": now + timedelta(minutes=minute),
                    "Value": value,
                }
                for minute in minutes
            ],
        )

    def judge(self, minutes: int) -> None:
        """All alarms, as they are when so many minutes after this one are over."""
        end = (int(time.time()) // 60 + 1 + minutes) * 60
        AlarmEvaluationLoop(self.cloud, pytest.fail).evaluate_all(end + LAG_SECONDS)

    def told(self, state: str, names: Set[str]) -> dict[str, dict[str, Any]]:
        """The messages that these alarms are in a state, as soon as all of them are there."""
        found: dict[str, dict[str, Any]] = {}

        def all_are_there() -> bool:
            answer = self.cloud.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
            for got in answer.get("Messages", []):
                message = json.loads(json.loads(got["Body"])["Message"])
                name = message["AlarmName"].removeprefix("orderstream-")
                if name in names and message["NewStateValue"] == state:
                    found[name] = message
            return found.keys() == names

        awaited(all_are_there)
        return found

    def calm(self, *names: str) -> None:
        """Nothing is wrong yet."""
        for name in names:
            self.cloud.cloudwatch.set_alarm_state(
                AlarmName=f"orderstream-{name}", StateValue="OK", StateReason="a test begins"
            )
        self.cloud.sqs.purge_queue(QueueUrl=self.queue)


@pytest.fixture(scope="module")
def station() -> Iterator[Station]:
    problems: list[str] = []
    with LocalCloud(
        port=free_port(), parameters=PARAMETERS, progress=lambda step: None, problem=problems.append
    ) as local:
        yield Station(local)
    # The faults are what the event source tells of.
    assert all("invoke" in problem for problem in problems), problems


def metric_of(station: Station, alarm: str, id: str = "m") -> Metric:
    return alarm_of(station.alarm(alarm)).metrics[id]


def seen(station: Station, alarm: str, id: str = "m", at_least: float = 0) -> Callable[[], bool]:
    metric = metric_of(station, alarm, id)
    return lambda: (station.value(metric) or 0) > at_least


@contextmanager
def throttled(station: Station) -> Iterator[None]:
    """The function gets no concurrency."""
    client = station.cloud.lambda_
    client.put_function_concurrency(FunctionName="ProcessOrders", ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        client.delete_function_concurrency(FunctionName="ProcessOrders")


def arrives(station: Station) -> bool:
    answer = station.cloud.lambda_.invoke(FunctionName="Canary")
    return bool(json.loads(answer["Payload"].read())["arrived"])


def measured(station: Station) -> dict[str, Any]:
    """How long something has been waiting for an order or an event."""
    answer = station.cloud.lambda_.invoke(FunctionName="CheckPending")
    found: dict[str, Any] = json.loads(answer["Payload"].read())
    return found


def test_each_fault_is_in_the_figures_that_its_alarm_looks_at(station: Station) -> None:
    order = station.order()
    for sent in (b"no order", order, order | {"amount": 2}):
        station.send(sent)
    awaited(seen(station, "quarantine", "invalid"))
    awaited(seen(station, "quarantine", "conflicts"))
    awaited(seen(station, "conflicts"))
    awaited(seen(station, "latency-burn-fast-5m", "stored"))
    awaited(seen(station, "order-rate", "rate"))
    awaited(seen(station, "delivery-stalled", "invocations"))
    # A batch is discarded after one retry.
    with changed(find_deployment(station.cloud, DEFAULT_STACK), TABLE_NAME="Nowhere"):
        station.send(station.order())
        awaited(seen(station, "function-errors"))
        awaited(seen(station, "discarded-batches"))
    # On a busy machine, not every canary is in time.
    awaited(lambda: arrives(station))
    awaited(seen(station, "canary"))
    with throttled(station):
        station.send(station.order())
        sent_at = time.monotonic()
        awaited(seen(station, "function-throttles"))
        awaited(seen(station, "delivery-stalled", "incoming"))
        assert not arrives(station)
        awaited(lambda: time.monotonic() > sent_at + 3)
    awaited(seen(station, "iterator-age", at_least=2000))
    awaited(seen(station, "latency-burn-fast-5m", "late"))


def test_fewer_orders_than_usual_set_the_alarm_on_their_rate_off(station: Station) -> None:
    rate = metric_of(station, "order-rate", "rate")
    station.put(rate, 20, range(-240, 0))
    station.calm("order-rate")
    station.put(rate, 1, range(1, 16))
    station.judge(15)
    station.told("ALARM", {"order-rate"})


def deployed(station: Station) -> list[Any]:
    found = station.cloud.cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return [*found["MetricAlarms"], *found["CompositeAlarms"]]


def test_every_alarm_goes_off_by_its_figures_and_tells_those_who_listen_also_when_it_ends(
    station: Station,
) -> None:
    there = {one["AlarmName"].removeprefix("orderstream-"): one for one in deployed(station)}
    # What sets this one off is shown above.
    del there["order-rate"]
    figures: dict[Metric, float] = {}
    for name in EVIDENCE.keys() & there.keys():
        for id, value in EVIDENCE[name][0].items():
            metric = metric_of(station, name, id)
            figures[metric] = max(value, figures.get(metric, 0))
    station.calm(*EVIDENCE.keys() & there.keys())
    six_hours = 6 * 60
    for metric, value in figures.items():
        station.put(metric, value, range(1, six_hours + 1))
    station.judge(six_hours)
    told = station.told("ALARM", {name for name, one in there.items() if one.get("AlarmActions")})
    assert {name: one["AlarmDescription"].partition("#")[2] for name, one in told.items()} == {
        name: name for name in told
    }
    station.judge(3 * six_hours)
    station.told("OK", {"latency-burn-fast", "latency-burn-slow", "quarantine"})


_OF_WEBHOOKS = ("webhook-failing", "webhook-dead-letters")


def test_every_alarm_has_a_page_in_the_runbook_and_every_page_an_alarm(station: Station) -> None:
    pages = re.findall(r"^## ([a-z-]+)$", RUNBOOK.read_text(), re.MULTILINE)
    links = set()
    for alarm in deployed(station):
        url, anchor = alarm["AlarmDescription"].split()[-1].split("#")
        assert url == "https://runbook.example"
        assert alarm["AlarmName"].startswith(f"orderstream-{anchor}")
        # Those that only others look at tell nobody.
        assert bool(alarm.get("AlarmActions")) == (alarm["AlarmName"] == f"orderstream-{anchor}")
        links.add(anchor)
    # They are of parts that this stack does not have.
    elsewhere = {"api-errors", "archive-maintenance", "event-bus", "feed-age", "totals-age", *_OF_WEBHOOKS}
    assert sorted({*links, *elsewhere}) == sorted(pages)


def test_g8_nothing_about_people_is_in_any_log_metric_alarm_or_message(station: Station) -> None:
    cloud = station.cloud
    for order in (station.order(), station.order(currency=PLANTED), station.order(amount=PLANTED)):
        station.send(order)
        station.send(order | {"amount": 7})
    awaited(lambda: station.value(metric_of(station, "conflicts")))
    written = []
    for group in cloud.logs.describe_log_groups()["logGroups"]:
        pages = cloud.logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        events = [event["message"] for page in pages for event in page["events"]]
        written += events
    assert any('"Conflicts":1' in message for message in written), "the logs are what was looked into"
    written += [str(page) for page in cloud.cloudwatch.get_paginator("list_metrics").paginate()]
    written += [str(alarm) for alarm in deployed(station)]
    written.append(station.local.ministack.log_file.read_text())
    assert not [text for text in written if "planted" in text]


def test_every_figure_of_the_dashboard_is_one_that_there_is(station: Station) -> None:
    body = json.loads(station.cloud.cloudwatch.get_dashboard(DashboardName="orderstream")["DashboardBody"])
    shown = set()
    for widget in body["widgets"]:
        for namespace, *rest in widget["properties"].get("metrics", []):
            if isinstance(namespace, str):
                shown.add((namespace, *rest[:3]))
    of_aws_alone = {"ConsumedWriteCapacityUnits", "ConcurrentExecutions", "WriteThrottleEvents"}
    of_aws_alone |= {"WriteProvisionedThroughputExceeded", "DestinationDeliveryFailures", "DroppedEventCount"}
    of_aws_alone |= {"OnFailureDestinationDeliveredEventCount"}
    wanted = {figure for figure in shown if figure[1] not in of_aws_alone}

    def missing() -> set[tuple[str, ...]]:
        listed = {
            (metric["Namespace"], metric["MetricName"], dimension["Name"], dimension["Value"])
            for page in station.cloud.cloudwatch.get_paginator("list_metrics").paginate()
            for metric in page["Metrics"]
            if len(metric["Dimensions"]) == 1
            for dimension in metric["Dimensions"]
        }
        return wanted - listed

    order = station.order()
    station.send(order)
    gap = {"order_id": order["order_id"], "event": "paid", "seq": 2}
    for event in (gap, gap | {"order_id": "never-sent"}):
        station.send(event)
    awaited(lambda: measured(station).keys() == {"EventsWaitingAge", "SequenceGapAge"})
    # The local cloud measures the stream once a minute.
    awaited(lambda: not missing(), 120)


def test_an_alarm_that_the_local_cloud_cannot_judge_is_told_once_and_keeps_no_other_from_being_judged(
    station: Station,
) -> None:
    def on(expression: str) -> Any:
        metric = {"Namespace": "N", "MetricName": "Told", "Dimensions": []}
        stat = {"Id": "m", "ReturnData": False, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
        return {"Metrics": [stat, {"Id": "e", "Expression": expression, "ReturnData": True}]}

    # Alarms are judged in the order of their names. MiniStack takes these only out of a template.
    percentile = {"Namespace": "N", "MetricName": "M", "ExtendedStatistic": "p99", "Period": 60}
    alarms = {"mine-1": percentile, "mine-2": on("RATE(m)"), "mine-3": on("m + 1")}
    resources = {
        f"A{number}": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                **figures,
                "AlarmName": name,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanThreshold",
                "EvaluationPeriods": 1,
            },
        }
        for number, (name, figures) in enumerate(alarms.items())
    }
    client = station.cloud.cloudformation
    client.create_stack(StackName="mine", TemplateBody=json.dumps({"Resources": resources}))
    client.get_waiter("stack_create_complete").wait(StackName="mine", WaiterConfig={"Delay": 1})
    try:
        station.put(Metric("N", "Told", ()), 2, range(-3, 1))
        problems: list[str] = []
        watch = AlarmEvaluationLoop(station.cloud, problems.append)
        for _ in range(2):
            watch.evaluate_all(time.time())
        assert len(problems) == 2
        for what, name in (("p99", "mine-1"), ("RATE(m)", "mine-2")):
            assert [one for one in problems if what in one and name in one]
        (judged,) = station.cloud.cloudwatch.describe_alarms(AlarmNames=["mine-3"])["MetricAlarms"]
        assert judged["StateValue"] == "ALARM"
    finally:
        client.delete_stack(StackName="mine")
