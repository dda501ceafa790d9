"""A pipe to an event bus: what it puts there, and what becomes of what the bus rejects."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError

from orderstream.aws.clients import AwsClients
from orderstream.aws.kinesis_event import EventOrigin, EventRecord, entry
from orderstream.errors import CloudError
from orderstream.local.esm.failures import DiscardedInvocation, MappingSource, failure_record
from orderstream.local.esm.lanes import Discarded, Rules
from orderstream.local.esm.outcomes import Delivered, Failed, NotInvoked, PartialFailure
from orderstream.local.esm.shards import TRIM_HORIZON
from orderstream.local.pipes import (
    MAX_CALL_BYTES,
    PipeMetrics,
    bus_of_pipe,
    is_from_stream_to_bus,
    put_on_bus,
)
from orderstream.local.readers import StreamReader, readers_of
from orderstream.testing.fakes import client_error

STREAM = "arn:aws:kinesis:eu-west-1:000000000001:stream/OrderChanges"
BUS = "arn:aws:events:eu-west-1:000000000001:event-bus/default"
QUEUE = "arn:aws:sqs:eu-west-1:000000000001:undelivered"
PIPE = "arn:aws:pipes:eu-west-1:000000000001:pipe/ChangesToBus"
OF_BUS = {"Source": "$.data.source", "DetailType": "$.data.type"}
TEMPLATE = '{"id": <$.data.id>, "data": <$.data.data>}'


def described(**changed: Any) -> dict[str, Any]:
    source = {"StartingPosition": "TRIM_HORIZON", "BatchSize": "10", "ParallelizationFactor": "2"}
    source |= {"MaximumRetryAttempts": "30", "OnPartialBatchItemFailure": "AUTOMATIC_BISECT"}
    return {
        "Name": "ChangesToBus",
        "CurrentState": "RUNNING",
        "CreationTime": datetime(2026, 11, 30, tzinfo=UTC),
        "Arn": PIPE,
        "RoleArn": "role",
        "Source": STREAM,
        "Target": BUS,
        "SourceParameters": {"KinesisStreamParameters": source | {"DeadLetterConfig": {"Arn": QUEUE}}},
        "TargetParameters": {"EventBridgeEventBusParameters": OF_BUS, "InputTemplate": TEMPLATE},
    } | changed


class FakeCloud:
    """A pipe, and an event bus that rejects entries by their detail type, or answers as it is told."""

    def __init__(self, pipe: dict[str, Any] | None = None, error: Exception | None = None) -> None:
        self.pipe, self.error = pipe or described(), error
        self.entries: list[dict[str, str]] = []
        self.pipes = self.events = self.cloudwatch = self

    def describe_pipe(self, Name: str) -> dict[str, Any]:
        assert Name == "ChangesToBus"
        return self.pipe

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, Any]:
        if self.error:
            raise self.error
        self.entries += Entries
        answers = [{"ErrorCode": "x"} if one["DetailType"] == "bad" else {"EventId": "1"} for one in Entries]
        metadata = {"RequestId": "r", "HTTPStatusCode": 200}
        return {"Entries": answers, "ResponseMetadata": metadata}


def record(number: int, **data: Any) -> EventRecord:
    origin = EventOrigin(STREAM, "shardId-0", "role")
    body = json.dumps({"id": f"A/{number}", "source": "/s", "type": "paid", "data": {"n": 1}} | data).encode()
    text = entry(origin, sequence_number=str(number), partition_key="A", data=body, arrived_at=1.0)
    return EventRecord(str(number), "A", 1.0, 0.0, None, text)


def put(cloud: FakeCloud, *batch: EventRecord) -> Any:
    return put_on_bus(cloud, BUS, TEMPLATE, OF_BUS, batch).outcome


def test_an_entry_has_source_and_type_of_the_cloud_event_and_the_template_as_its_detail() -> None:
    cloud = FakeCloud()
    receiver = bus_of_pipe(cast(AwsClients, cloud), "ChangesToBus@1", print)
    assert receiver.send([record(1)]).outcome == Delivered()
    (found,) = cloud.entries
    assert (found["EventBusName"], found["Source"], found["DetailType"]) == (BUS, "/s", "paid")
    assert json.loads(found["Detail"]) == {"id": "A/1", "data": {"n": 1}}


def test_the_settings_are_those_of_the_pipe() -> None:
    settings = bus_of_pipe(cast(AwsClients, FakeCloud()), "ChangesToBus@1", print).mapping
    assert settings.rules == Rules(batch_size=10, parallelization_factor=2, max_retries=30, bisect=True)
    assert (settings.destination, settings.starting, settings.stream_arn) == (QUEUE, TRIM_HORIZON, STREAM)


def test_the_first_rejected_entry_is_where_delivery_goes_on() -> None:
    assert put(FakeCloud(), record(1), record(2, type="bad"), record(3), record(4, type="bad")) == (
        PartialFailure(1)
    )


def test_a_failure_of_eventbridge_uses_up_no_retry_and_a_refusal_does() -> None:
    unreachable = EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
    for error in (client_error("InternalException", 500), unreachable):
        assert put(FakeCloud(error=error), record(1)) == NotInvoked()
    refusal = client_error("AccessDeniedException", 403)
    refusal.response["ResponseMetadata"]["RequestId"] = "r"
    assert put(FakeCloud(error=refusal), record(1)) == Failed()


def test_entries_that_are_too_large_together_fail_so_that_they_are_halved() -> None:
    half = "x" * (MAX_CALL_BYTES // 2)
    cloud = FakeCloud()
    assert put(cloud, record(1, data=half), record(2, data=half)) == Failed()
    assert not cloud.entries
    assert put(cloud, record(1, data=half)) == Delivered()


@pytest.mark.parametrize(
    "changed",
    [
        {"SourceParameters": {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}},
        {"SourceParameters": {"KinesisStreamParameters": {"StartingPosition": "AT_TIMESTAMP"}}},
        {"TargetParameters": {"EventBridgeEventBusParameters": OF_BUS}},
        {"TargetParameters": {"InputTemplate": "<aws.pipes.event>"}},
        {
            "TargetParameters": {
                "InputTemplate": "{}",
                "EventBridgeEventBusParameters": {"Time": "$.data.time"},
            }
        },
    ],
)
def test_a_pipe_that_would_differ_from_aws_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(CloudError, match="support|starts at AT_TIMESTAMP"):
        bus_of_pipe(cast(AwsClients, FakeCloud(described(**changed))), "ChangesToBus@1", print)


def test_only_pipes_from_a_kinesis_stream_to_a_bus_run_here() -> None:
    table = "arn:aws:dynamodb:eu-west-1:000000000001:table/Orders/stream/1"
    assert is_from_stream_to_bus(described())
    assert not is_from_stream_to_bus(described(Source=table))
    assert not is_from_stream_to_bus(described(Target=QUEUE))
    assert not is_from_stream_to_bus(described(Target=BUS.replace("event-bus", "api-destination")))


class FakeStack(FakeCloud):
    """A stack that has the pipe."""

    def __init__(self, pipe: dict[str, Any]) -> None:
        super().__init__(pipe)
        self.cloudformation = self

    def get_paginator(self, name: str) -> FakeStack:
        assert name == "list_stack_resources"
        return self

    def paginate(self, StackName: str) -> list[dict[str, Any]]:
        resource = {"LogicalResourceId": "Pipe", "ResourceType": "AWS::Pipes::Pipe"}
        resource |= {"PhysicalResourceId": "ChangesToBus", "ResourceStatus": "CREATE_COMPLETE"}
        return [{"StackResourceSummaries": [resource]}]


def readers(**changed: Any) -> dict[str, StreamReader]:
    return readers_of(cast(AwsClients, FakeStack(described(**changed))), "stack")


def test_a_pipe_runs_while_it_is_started_and_one_that_was_made_anew_starts_anew() -> None:
    (made,) = readers()
    assert made.startswith("ChangesToBus@")
    assert readers() == readers(LastModifiedTime=1), "the same again"
    assert readers() != readers(Target=BUS.replace("default", "other")), "what it does has changed"
    assert readers().keys() == readers(Target=BUS.replace("default", "other")).keys()
    again = described()["CreationTime"] + timedelta(seconds=1)
    assert not readers(CreationTime=again).keys() & {made}
    assert readers(CurrentState="STOPPED") == {}
    assert readers(Target=QUEUE) == {}


def test_a_dead_letter_of_a_pipe_says_which_pipe_and_where_in_the_stream() -> None:
    given = Discarded((record(1), record(2)), "RetryAttemptsExhausted", 31)
    source = MappingSource("ChangesToBus", PIPE, STREAM, "shardId-0")
    found = failure_record(given, source, DiscardedInvocation("r", 200, ""), 2.0)
    assert found["context"] == {"partnerResourceArn": PIPE, "condition": "RetryAttemptsExhausted"}
    batch: Any = found["KinesisBatchInfo"]
    assert (batch["shardId"], batch["startSequenceNumber"], batch["endSequenceNumber"]) == (
        "shardId-0",
        "1",
        "2",
    )
    assert not {"requestContext", "responseContext"} & found.keys()


class FakeCloudWatch:
    def __init__(self) -> None:
        self.sums: dict[str, float] = {}

    def put_metric_data(self, Namespace: str, MetricData: list[dict[str, Any]]) -> None:
        assert Namespace == "AWS/EventBridge/Pipes"
        for datum in MetricData:
            assert datum["Dimensions"] == [{"Name": "PipeName", "Value": "ChangesToBus"}]
            self.sums[datum["MetricName"]] = datum["StatisticValues"]["Sum"]


def test_the_metrics_of_the_alarm_are_published() -> None:
    cloudwatch = FakeCloudWatch()
    metrics = PipeMetrics("ChangesToBus", cast(Any, cloudwatch), print)
    metrics.read("shardId-0", [record(1)])
    metrics.ages([1.0], 100.0)
    metrics.delivered([record(1), record(2)], 100.0)
    metrics.failed(0)
    metrics.send(100.0, everything=True)
    assert cloudwatch.sums == {"Invocations": 1, "EventCount": 2, "ExecutionFailed": 0}
    metrics.failed(2)
    metrics.ended("delivered", 2)
    metrics.send(100.0, everything=True)
    assert cloudwatch.sums["ExecutionFailed"] == 1
