"""Each alarm goes off when its fault is caused, tells those who listen, and ends with the fault.

A fault that has to last for minutes is caused once, for real; then its minute is repeated for as long, and
the alarms are judged at the end of that time. Of AWS's own troubles the local cloud has none: their figures
are put into CloudWatch here as AWS would.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orderstream.aws.deployment import find_deployment
from orderstream.aws.metrics import Metric
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.deploy.artifact import PROJECT
from orderstream.errors import CloudError
from orderstream.local.alarms.evaluation_loop import LAG_SECONDS, AlarmEvaluationLoop
from orderstream.local.alarms.evaluator import alarm_of
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port
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

    def notified(self, name: str, state: str) -> dict[str, Any]:
        """The message that an alarm is in a state."""

        def message() -> dict[str, Any] | None:
            for got in self.cloud.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
                "Messages", []
            ):
                told: dict[str, Any] = json.loads(json.loads(got["Body"])["Message"])
                if (told["AlarmName"], told["NewStateValue"]) == (f"orderstream-{name}", state):
                    return told
            return None

        return awaited(message)

    def calm(self, *names: str) -> None:
        """Nothing is wrong yet."""
        for name in names:
            self.cloud.cloudwatch.set_alarm_state(
                AlarmName=f"orderstream-{name}", StateValue="OK", StateReason="a test begins"
            )
        self.cloud.sqs.purge_queue(QueueUrl=self.queue)

    def goes_off(self, *names: str, told: str | None = None) -> None:
        """The fault that is there now lasts for as long as the alarms look at; then `told` tells."""
        self.calm(*names)
        longest = 0
        for name in names:
            alarm = alarm_of(self.alarm(name))
            longest = max(longest, alarm.period * alarm.periods // 60)
            for metric in set(alarm.metrics.values()):
                if value := self.value(metric):
                    self.put(metric, value, range(1, longest + 1))
        self.judge(longest)
        for name in names:
            assert self.alarm(name)["StateValue"] == "ALARM", name
        about = self.notified(told or names[-1], "ALARM")
        assert f"https://runbook.example#{told or names[-1]}" in about["AlarmDescription"]


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


def bad_orders(station: Station) -> None:
    for _ in range(6):
        station.send(b"no order")
    awaited(seen(station, "quarantine", "invalid", 5))
    # The function counts both in every batch; below, only what is above 0 goes on.
    station.put(metric_of(station, "quarantine", "conflicts"), 0, range(1, 6))
    station.goes_off("quarantine")


def two_orders_under_one_id(station: Station) -> None:
    order = station.order()
    station.send(order)
    station.send(order | {"amount": 2})
    awaited(seen(station, "conflicts"))
    station.goes_off("conflicts")


def failing(station: Station) -> AbstractContextManager[None]:
    """The function finds no table."""
    return changed(find_deployment(station.cloud, DEFAULT_STACK), TABLE_NAME="Nowhere")


@contextmanager
def throttled(station: Station) -> Iterator[None]:
    """The function gets no concurrency."""
    client = station.cloud.lambda_
    client.put_function_concurrency(FunctionName="ProcessOrders", ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        client.delete_function_concurrency(FunctionName="ProcessOrders")


def a_function_that_fails(station: Station) -> None:
    with failing(station):
        station.send(station.order())
        awaited(seen(station, "function-errors"))
    station.goes_off("function-errors")


def a_batch_that_is_given_up(station: Station) -> None:
    with failing(station):
        station.send(station.order())
        awaited(seen(station, "discarded-batches"))
    station.goes_off("discarded-batches")


def a_function_that_is_throttled(station: Station) -> None:
    with throttled(station):
        station.send(station.order())
        awaited(seen(station, "function-throttles"))
    station.goes_off("function-throttles")


def a_stream_that_nobody_reads(station: Station) -> None:
    with throttled(station):
        station.send(station.order())
        incoming = metric_of(station, "delivery-stalled", "incoming")
        awaited(lambda: station.value(incoming))
        # What was invoked before has nothing to do with the minutes that come. One order an hour arrives, and
        # the first is enough.
        for minute in (60, 120):
            station.put(incoming, 1, range(minute, minute + 1))
        station.calm("delivery-stalled")
        station.judge(65)
        assert station.alarm("delivery-stalled")["StateValue"] == "OK"
        station.judge(74)
        station.notified("delivery-stalled", "ALARM")
        # It does not end because nothing more arrives, nor with the next order, but with an invocation.
        for minute in (100, 121):
            station.judge(minute)
            assert station.alarm("delivery-stalled")["StateValue"] == "ALARM"
        station.put(metric_of(station, "delivery-stalled", "invocations"), 1, range(130, 131))
        station.judge(131)
        station.notified("delivery-stalled", "OK")


def delayed(station: Station) -> None:
    """An order that had to wait for three seconds."""
    with throttled(station):
        station.send(station.order())
        sent = time.monotonic()
        awaited(lambda: time.monotonic() > sent + 3)
    awaited(seen(station, "iterator-age", at_least=2000))


def orders_that_wait(station: Station) -> None:
    delayed(station)
    station.goes_off("iterator-age")


def orders_that_are_late(station: Station) -> None:
    delayed(station)
    awaited(seen(station, "latency-burn-fast-5m", "late"))
    station.goes_off("latency-burn-fast-5m", "latency-burn-fast-1h", told="latency-burn-fast")
    station.goes_off("latency-burn-slow-30m", "latency-burn-slow-6h", told="latency-burn-slow")


def few_orders(station: Station) -> None:
    """A hundred in five minutes are usual, and now there is one."""
    rate = metric_of(station, "order-rate", "rate")
    station.put(rate, 20, range(-240, 0))
    station.send(station.order())
    awaited(lambda: station.value(rate))
    station.calm("order-rate")
    station.put(rate, 1, range(1, 16))
    station.judge(15)
    station.notified("order-rate", "ALARM")


def a_canary_that_does_not_come_through(station: Station) -> None:
    client = station.cloud.lambda_

    def arrives() -> bool:
        return bool(json.loads(client.invoke(FunctionName="Canary")["Payload"].read())["arrived"])

    # On a busy machine, not every one is in time.
    awaited(arrives)
    station.calm("canary")
    with throttled(station):
        assert not arrives()
    station.put(metric_of(station, "canary"), 0, range(1, 6))
    station.judge(5)
    station.notified("canary", "ALARM")


def figures_of_aws(id: str, value: float) -> Callable[[Station, str], None]:
    def put(station: Station, alarm: str) -> None:
        about = alarm_of(station.alarm(alarm))
        minutes = about.period * about.periods // 60
        station.put(about.metrics[id], value, range(1, minutes + 1))
        station.calm(alarm)
        station.judge(minutes)
        station.notified(alarm, "ALARM")

    return put


CAUSED: dict[str, Callable[[Station], None]] = {
    "quarantine": bad_orders,
    "conflicts": two_orders_under_one_id,
    "function-errors": a_function_that_fails,
    "discarded-batches": a_batch_that_is_given_up,
    "function-throttles": a_function_that_is_throttled,
    "delivery-stalled": a_stream_that_nobody_reads,
    "iterator-age": orders_that_wait,
    "latency-burn": orders_that_are_late,
    "order-rate": few_orders,
    "canary": a_canary_that_does_not_come_through,
}
PUT_FOR_AWS: dict[str, Callable[[Station, str], None]] = {
    # Three hours, of 24.
    "data-loss": figures_of_aws("age", 3 * 3600 * 1000),
    "delivery-failures": figures_of_aws("m", 1),
    "dropped-records": figures_of_aws("m", 1),
    "producer-throttled": figures_of_aws("m", 1),
    "table-throttled": figures_of_aws("index", 1),
    "table-errors": figures_of_aws("inserts", 1),
}


@pytest.mark.parametrize("alarm", CAUSED)
def test_the_fault_is_caused_and_the_alarm_tells(station: Station, alarm: str) -> None:
    CAUSED[alarm](station)


@pytest.mark.parametrize("alarm", PUT_FOR_AWS)
def test_the_figure_of_aws_sets_the_alarm_off(station: Station, alarm: str) -> None:
    PUT_FOR_AWS[alarm](station, alarm)


def test_an_alarm_ends_with_its_fault_and_tells_that_too(station: Station) -> None:
    station.cloud.cloudwatch.set_alarm_state(
        AlarmName="orderstream-producer-throttled", StateValue="ALARM", StateReason="a test begins"
    )
    station.judge(600)
    assert station.notified("producer-throttled", "OK")["OldStateValue"] == "ALARM"


def deployed(station: Station) -> list[Any]:
    found = station.cloud.cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return [*found["MetricAlarms"], *found["CompositeAlarms"]]


def test_no_alarm_is_without_a_fault_here_and_a_page_in_the_runbook(station: Station) -> None:
    pages = re.findall(r"^## ([a-z-]+)$", RUNBOOK.read_text(), re.MULTILINE)
    links = set()
    for alarm in deployed(station):
        url, anchor = alarm["AlarmDescription"].split()[-1].split("#")
        assert url == "https://runbook.example"
        assert alarm["AlarmName"].startswith(f"orderstream-{anchor}")
        # Those that only others look at tell nobody.
        assert bool(alarm.get("AlarmActions")) == (alarm["AlarmName"] == f"orderstream-{anchor}")
        links.add(anchor)
    # These have stacks of their own: see test_http_api.py and test_maintenance.py.
    assert sorted({*links, "api-errors", "archive-maintenance"}) == sorted(pages)
    tried = {*CAUSED, *PUT_FOR_AWS, "latency-burn-fast", "latency-burn-slow"} - {"latency-burn"}
    assert tried == links


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

    station.send(station.order())
    # The local cloud measures the stream once a minute.
    awaited(lambda: not missing(), 120)


def test_an_alarm_that_the_local_cloud_cannot_judge_is_told_once(station: Station) -> None:
    station.cloud.cloudwatch.put_metric_alarm(
        AlarmName="mine",
        Namespace="N",
        MetricName="M",
        ExtendedStatistic="p99",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    try:
        problems: list[str] = []
        watch = AlarmEvaluationLoop(station.cloud, problems.append)
        for _ in range(2):
            watch.evaluate_all(time.time())
        (problem,) = problems
        assert "p99" in problem and "mine" in problem
        with pytest.raises(CloudError, match="p99"):
            alarm_of(station.cloud.cloudwatch.describe_alarms(AlarmNames=["mine"])["MetricAlarms"][0])
    finally:
        station.cloud.cloudwatch.delete_alarms(AlarmNames=["mine"])


def test_an_alarm_on_an_unknown_expression_keeps_no_other_from_being_judged(station: Station) -> None:
    def on(expression: str) -> Any:
        metric = {"Namespace": "N", "MetricName": "Told", "Dimensions": []}
        stat = {"Id": "m", "ReturnData": False, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
        return [stat, {"Id": "e", "Expression": expression, "ReturnData": True}]

    # Alarms are judged in the order of their names. MiniStack takes these only out of a template.
    alarms = {"mine-1": on("RATE(m)"), "mine-2": on("m + 1")}
    resources = {
        f"A{number}": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": name,
                "Metrics": metrics,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanThreshold",
                "EvaluationPeriods": 1,
            },
        }
        for number, (name, metrics) in enumerate(alarms.items())
    }
    client = station.cloud.cloudformation
    client.create_stack(StackName="mine", TemplateBody=json.dumps({"Resources": resources}))
    client.get_waiter("stack_create_complete").wait(StackName="mine", WaiterConfig={"Delay": 1})
    try:
        station.put(Metric("N", "Told", ()), 2, range(-3, 1))
        problems: list[str] = []
        AlarmEvaluationLoop(station.cloud, problems.append).evaluate_all(time.time())
        (problem,) = problems
        assert "RATE(m)" in problem and "mine-1" in problem
        (second,) = station.cloud.cloudwatch.describe_alarms(AlarmNames=["mine-2"])["MetricAlarms"]
        assert second["StateValue"] == "ALARM"
    finally:
        client.delete_stack(StackName="mine")
