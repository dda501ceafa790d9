"""The local cloud delivers to every event source mapping of a stack, as its template changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.local.stack_watcher import StackWatcher
from tests.integration.event_source_harness import eventually

_FUNCTION = """
import json, os

def handler(event, context):
    with open(os.environ["SEEN"], "a") as seen:
        for record in event["Records"]:
            if "kinesis" in record:
                text = record["kinesis"]["data"]
            else:
                text = record["dynamodb"]["Keys"]["id"]["S"]
            seen.write(text + chr(10))
"""
_OUTPUTS = (
    "StreamName",
    "TableName",
    "CustomerIndex",
    "ArchiveBucket",
    "DiscardedBucket",
    "FunctionName",
    "FunctionAlias",
)


class Scene:
    """A stack with a table, a Kinesis stream, and a function that writes down the records it gets."""

    def __init__(self, cloud: AwsClients, folder: Path) -> None:
        self.cloud = cloud
        self.checkpoints = folder / "checkpoints.json"
        self.problems: list[str] = []
        self.progress: list[str] = []
        self._seen = folder / "seen"

    def template(self, *, with_table_stream: bool) -> str:
        mapping = {"FunctionName": {"Ref": "Function"}, "Enabled": False, "StartingPosition": "TRIM_HORIZON"}
        table: dict[str, Any] = {
            "TableName": "orders",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        }
        resources = {
            "Orders": {"Type": "AWS::DynamoDB::Table", "Properties": table},
            "Changes": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "changes", "ShardCount": 1}},
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": []}}},
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.13",
                    "Handler": "index.handler",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Code": {"ZipFile": _FUNCTION},
                    "Environment": {"Variables": {"SEEN": str(self._seen)}},
                },
            },
            "OfStream": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {**mapping, "EventSourceArn": {"Fn::GetAtt": ["Changes", "Arn"]}},
            },
        }
        outputs: dict[str, Any] = {name: {"Value": name} for name in _OUTPUTS}
        outputs["EventSourceMapping"] = {"Value": {"Ref": "OfStream"}}
        if with_table_stream:
            table["StreamSpecification"] = {"StreamViewType": "NEW_AND_OLD_IMAGES"}
            arn = {"Fn::GetAtt": ["Orders", "StreamArn"]}
            resources["OfTable"] = {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {**mapping, "EventSourceArn": arn},
            }
            outputs |= {"TableStream": {"Value": arn}, "TableMapping": {"Value": {"Ref": "OfTable"}}}
        return json.dumps({"Resources": resources, "Outputs": outputs})

    def create(self, *, with_table_stream: bool) -> None:
        body = self.template(with_table_stream=with_table_stream)
        self.cloud.cloudformation.create_stack(StackName="shop", TemplateBody=body)
        self.await_status("CREATE_COMPLETE")

    def update(self, *, with_table_stream: bool) -> None:
        body = self.template(with_table_stream=with_table_stream)
        self.cloud.cloudformation.update_stack(StackName="shop", TemplateBody=body)
        self.await_status("UPDATE_COMPLETE")

    def await_status(self, status: str) -> None:
        def has_status() -> bool:
            (stack,) = self.cloud.cloudformation.describe_stacks(StackName="shop")["Stacks"]
            assert not stack["StackStatus"].endswith(("_FAILED", "ROLLBACK_COMPLETE")), stack
            return stack["StackStatus"] == status

        eventually(has_status, status)

    @property
    def outputs(self) -> dict[str, str]:
        (stack,) = self.cloud.cloudformation.describe_stacks(StackName="shop")["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    @property
    def table(self) -> Any:
        return self.cloud.dynamodb.describe_table(TableName="orders")["Table"]

    @property
    def seen(self) -> list[str]:
        return self._seen.read_text().splitlines() if self._seen.exists() else []

    def await_count(self, count: int) -> None:
        eventually(lambda: len(self.seen) >= count, f"{count} records")

    def put_item(self, key: str) -> None:
        self.cloud.dynamodb.put_item(TableName="orders", Item={"id": {"S": key}})

    def put_record(self, data: bytes) -> None:
        self.cloud.kinesis.put_record(StreamName="changes", PartitionKey="k", Data=data)

    def watcher(self) -> StackWatcher:
        return StackWatcher(
            self.cloud,
            "shop",
            checkpoints=self.checkpoints,
            progress=self.progress.append,
            problem=self.problems.append,
        )


@pytest.fixture
def scene(cloud: AwsClients, tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(cloud, tmp_path)
    yield scene
    assert scene.problems == []


def test_a_mapping_that_the_template_disables_is_never_enabled(scene: Scene) -> None:
    scene.create(with_table_stream=True)
    scene.put_item("a")
    for name in ("EventSourceMapping", "TableMapping"):
        found = scene.cloud.lambda_.get_event_source_mapping(UUID=scene.outputs[name])
        assert found["State"] == "Disabled"
    scene.update(with_table_stream=False)
    scene.update(with_table_stream=True)
    for name in ("EventSourceMapping", "TableMapping"):
        found = scene.cloud.lambda_.get_event_source_mapping(UUID=scene.outputs[name])
        assert found["State"] == "Disabled"
    assert scene.seen == []


def test_the_stream_of_a_table_is_enabled_and_disabled_by_the_template(scene: Scene) -> None:
    scene.create(with_table_stream=True)
    arns: list[str] = []
    for is_enabled in (True, False, True):
        if arns:
            scene.update(with_table_stream=is_enabled)
        assert bool(scene.table.get("StreamSpecification", {}).get("StreamEnabled")) is is_enabled
        if is_enabled:
            arns.append(scene.outputs["TableStream"])
            assert scene.table["LatestStreamArn"] == arns[-1]
            assert scene.table["LatestStreamLabel"] == arns[-1].rpartition("/")[2]
            assert not arns[-1].endswith("Z")
            mapping = scene.cloud.lambda_.get_event_source_mapping(UUID=scene.outputs["TableMapping"])
            assert mapping["EventSourceArn"] == arns[-1]
    assert len(set(arns)) == 2


def test_delivery_follows_the_mappings_of_the_stack(scene: Scene) -> None:
    scene.create(with_table_stream=False)
    with scene.watcher() as watcher:
        scene.put_record(b"one")
        eventually(lambda: scene.seen == ["b25l"], "the record")
        scene.update(with_table_stream=True)
        scene.put_item("a")
        eventually(lambda: scene.seen == ["b25l", "a"], "the change of the item")
        scene.put_record(b"two")
        eventually(lambda: scene.seen == ["b25l", "a", "dHdv"], "the next record")
        mappings = {scene.outputs[name] for name in ("EventSourceMapping", "TableMapping")}
        eventually(lambda: json.loads(scene.checkpoints.read_text()).keys() == mappings, "checkpoints")
        scene.update(with_table_stream=False)
        eventually(lambda: len(scene.progress) == 3, "the change of the stack noticed")
        scene.put_record(b"six")
        eventually(lambda: scene.seen == ["b25l", "a", "dHdv", "c2l4"], "the last record")
        watcher.check()
    changed = "stack shop has changed: delivering by what it says now"
    assert scene.progress == ["delivering to stack shop", changed, changed]


def test_a_new_start_resumes_every_mapping(scene: Scene) -> None:
    scene.create(with_table_stream=True)
    for number in (1, 2):
        with scene.watcher():
            scene.put_item(f"item{number}")
            scene.put_record(b"record")
            scene.await_count(2 * number)
    assert sorted(scene.seen) == ["cmVjb3Jk", "cmVjb3Jk", "item1", "item2"]
