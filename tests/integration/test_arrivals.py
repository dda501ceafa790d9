"""MiniStack's process tells what has arrived, and delivery by that needs no poll."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

from orderstream.local.cloud import local_cloud
from orderstream.local.ministack import MiniStack, free_port
from orderstream.local.write_operations import RESOURCES
from tests.integration.conftest import awaited
from tests.integration.event_source_harness import Scene, TableScene


class Told:
    """What MiniStack tells, until it is passed on to an event source."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.pass_on: Callable[[Collection[str]], object] = self.names.update

    def __call__(self, names: Collection[str]) -> None:
        self.names.update(names)
        self.pass_on(names)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def running(told: Told, tmp_path: Path) -> Iterator[MiniStack]:
    with MiniStack(port=free_port(), token="t", work_dir=tmp_path / "work", arrived=told) as running:
        yield running


def test_it_tells_which_shard_got_a_record_and_of_which_stream_the_shards_changed(
    running: MiniStack, told: Told
) -> None:
    kinesis = local_cloud(running.endpoint_url, "t").kinesis
    kinesis.create_stream(StreamName="orders", ShardCount=2)
    arn = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    assert told.names == set()
    sent = kinesis.put_record(StreamName="orders", PartitionKey="a", Data=b"1")
    awaited(lambda: told.names == {f"{arn}/{sent['ShardId']}"})
    kinesis.update_shard_count(StreamName="orders", TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    awaited(lambda: arn in told.names)


def test_it_tells_of_changed_resources_but_not_of_reads(running: MiniStack, told: Told) -> None:
    cloud = local_cloud(running.endpoint_url, "t")
    cloud.cloudformation.describe_stacks()
    cloud.lambda_.list_functions()
    assert told.names == set()
    template = '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}'
    cloud.cloudformation.create_stack(StackName="queues", TemplateBody=template)
    awaited(lambda: told.names == {RESOURCES})


@pytest.mark.parametrize("kind", [Scene, TableScene])
def test_an_event_source_that_is_told_reads_at_once(
    running: MiniStack, told: Told, tmp_path: Path, kind: type[Scene]
) -> None:
    scene = kind(local_cloud(running.endpoint_url, "t"), tmp_path)
    scene.build()
    with scene.event_source(is_told=True) as source:
        told.pass_on = source.arrived
        # With a poll for each of them, this would take longer than a test may.
        for number in range(30):
            scene.put(f"a-{number}")
            scene.await_all(f"a-{number}")
