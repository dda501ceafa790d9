"""The change feed on an event bus: a rule gets every version of every order, also after a kill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.client import OrderProducer
from orderstream.domain.fold import is_placeholder, version_of
from orderstream.ingest.samples import samples
from orderstream.local.cloud import REGION, deploy
from orderstream.local.ministack import MiniStack
from orderstream.pipeline.attributes import plain_value
from tests.integration.conftest import awaited, new_account
from tests.integration.delivery_process import delivery

SOURCE = "/orderstream/orderstream"


class Queue:
    """A queue to which a rule sends what matches its pattern."""

    def __init__(self, cloud: AwsClients, name: str, pattern: dict[str, Any]) -> None:
        self._sqs = cloud.sqs
        self._url = cloud.sqs.create_queue(QueueName=name)["QueueUrl"]
        about = cloud.sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        cloud.events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        cloud.events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": about["Attributes"]["QueueArn"]}])
        # What has come so far, by the ids of the CloudEvents.
        self.events: dict[str, dict[str, Any]] = {}

    def drain(self) -> set[str]:
        """The ids that have come so far."""
        while found := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                event = json.loads(message["Body"])
                known = self.events.setdefault(event["detail"]["id"], event)
                assert known["detail"] == event["detail"], "a repetition says the same"
            handles: Any = [
                {"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(found)
            ]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=handles)
        return set(self.events)


def items(cloud: AwsClients, table: str) -> dict[str, dict[str, Any]]:
    """The items of orders that have arrived."""
    pages = cloud.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    found: Iterator[dict[str, Any]] = (plain_value({"M": item}) for page in pages for item in page["Items"])
    return {item["OrderID"]: item for item in found if not is_placeholder(item)}


@pytest.mark.system
def test_a_rule_gets_every_version_of_every_order_though_what_runs_the_pipe_is_killed(
    ministack: MiniStack, tmp_path: Path
) -> None:
    cloud = replace(new_account(ministack), region=REGION)
    parameters = {"ChangeFeed": "true", "ChangeFeedShardCount": "2", "ChangeEventBus": "default"}
    deployment = deploy(cloud, tmp_path, parameters | {"ShardCount": "1", "BatchWindowSeconds": "0"})
    everything = Queue(cloud, "everything", {"source": [SOURCE]})
    paid = Queue(cloud, "paid", {"source": [SOURCE], "detail": {"data": {"reached": ["paid"]}}})
    traffic = samples(1, lives=True)
    checkpoints = tmp_path / "checkpoints.json"
    with OrderProducer(deployment.stream, cloud.kinesis_no_retry) as producer:

        def send(count: int) -> None:
            for sample in islice(traffic, count):
                producer.send_bytes(sample.data, partition_key=sample.partition_key)
            producer.flush()

        with delivery(cloud, checkpoints):
            send(150)
            awaited(everything.drain)
        send(50)
        with delivery(cloud, checkpoints):
            send(50)
            # There is one shard and one lane: once this is stored, so is everything before it.
            producer.send_bytes(b'{"order_id": "last", "customer_id": "c", "amount": 1}', partition_key="c")

            def has_all() -> bool:
                stored = items(cloud, deployment.table)
                versions = {key: range(1, version_of(item) + 1) for key, item in stored.items()}
                wanted = {f"{key}/{version}" for key, found in versions.items() for version in found}
                return "last" in stored and everything.drain() == wanted

            awaited(has_all)
    assert paid.drain() == {
        id for id, event in everything.events.items() if "paid" in event["detail"]["data"].get("reached", [])
    }
    assert paid.events
    for id, event in everything.events.items():
        detail = event["detail"]
        assert (event["source"], event["detail-type"]) == (SOURCE, detail["type"])
        assert id == f"{detail['subject']}/{detail['data']['version']}" and detail["specversion"] == "1.0"


def test_a_pipe_is_described_with_its_parameters_whatever_made_or_changed_it(cloud: AwsClients) -> None:
    cloud.kinesis.create_stream(StreamName="changes", ShardCount=1)
    stream = cloud.kinesis.describe_stream_summary(StreamName="changes")["StreamDescriptionSummary"][
        "StreamARN"
    ]
    bus = cloud.events.describe_event_bus()["Arn"]

    def properties(template: str) -> dict[str, Any]:
        return {
            "RoleArn": f"arn:aws:iam::{cloud.access_key}:role/pipe",
            "Source": stream,
            "SourceParameters": {"KinesisStreamParameters": {"StartingPosition": "LATEST", "BatchSize": 10}},
            "Target": bus,
            "TargetParameters": {"InputTemplate": template},
        }

    def described(name: str) -> Any:
        found = cloud.pipes.describe_pipe(Name=name)
        return {part: found[part] for part in properties("")}

    cloud.pipes.create_pipe(Name="api", **properties("<$.data.a>"))
    assert described("api") == properties("<$.data.a>")
    changed = properties("<$.data.b>")
    cloud.pipes.update_pipe(
        Name="api", RoleArn=changed["RoleArn"], TargetParameters=changed["TargetParameters"]
    )
    assert described("api") == changed
    for template, make in (
        ("<$.data.c>", cloud.cloudformation.create_stack),
        ("<$.data.d>", cloud.cloudformation.update_stack),
    ):
        pipe = {"Type": "AWS::Pipes::Pipe", "Properties": {"Name": "template"} | properties(template)}
        make(StackName="pipes", TemplateBody=json.dumps({"Resources": {"Pipe": pipe}}))
        awaited(lambda: _is_complete(cloud))
        assert described("template") == properties(template)


def _is_complete(cloud: AwsClients) -> bool:
    (stack,) = cloud.cloudformation.describe_stacks(StackName="pipes")["Stacks"]
    return stack["StackStatus"].endswith("_COMPLETE")
