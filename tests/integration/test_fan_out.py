"""Enhanced fan-out: the template makes a consumer, and what is pushed to it is delivered as all else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import consumer_of, stream_of
from orderstream.local.esm.lanes import lane_of
from tests.integration import deployed
from tests.integration.event_source_harness import (
    Scene,
    eventually,
    statistics,
)


class Pushed(Scene):
    """A scene whose mapping reads by a registered consumer."""

    def build(self, answer: str = "return None", *, shards: int = 1, **settings: object) -> None:
        self.cloud.kinesis.create_stream(StreamName="orders", ShardCount=shards)
        stream = self.cloud.kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
        consumer = self.cloud.kinesis.register_stream_consumer(
            StreamARN=stream["StreamARN"], ConsumerName="process"
        )["Consumer"]
        super().build(answer, shards=0, EventSourceArn=consumer["ConsumerARN"], **settings)


@pytest.fixture
def scene(cloud: AwsClients, tmp_path: Path) -> Pushed:
    return Pushed(cloud, tmp_path)


def test_a_failing_lane_holds_up_its_own_records_and_a_new_start_goes_on_there(scene: Pushed) -> None:
    scene.build('return fail(ids[batch.index("a-1")]) if "a-1" in batch else None', ParallelizationFactor=2)
    other = next(key for key in "bcdefgh" if lane_of(key, 2) != lane_of("a", 2))
    with scene.event_source():
        scene.put("a-1", f"{other}-1")
        scene.await_all("a-1", f"{other}-1")
    assert scene.saved == {"shardId-000000000000": "TRIM_HORIZON"}
    before = len(scene.delivered)
    with scene.event_source():
        eventually(lambda: len(scene.delivered) > before, "delivered again")
    assert "a-1" in scene.delivered[before:]


def test_the_children_of_a_split_shard_are_read(scene: Pushed) -> None:
    scene.build()
    scene.put("a-1", "b-1")
    with scene.event_source():
        scene.await_all("a-1", "b-1")
        scene.cloud.kinesis.split_shard(
            StreamName="orders", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
        )
        after = [f"{key}-2" for key in "abcdefgh"]
        scene.put(*after)
        scene.await_all(*after)
    assert sorted(scene.delivered) == sorted(["a-1", "b-1", *after])


def test_how_far_behind_it_is_stands_under_the_consumers_name(scene: Pushed) -> None:
    scene.build()

    def samples(name: str, **more: str) -> float:
        return statistics(scene.cloud, "AWS/Kinesis", name, StreamName="orders", **more)[0]

    behind = "SubscribeToShardEvent.MillisBehindLatest"
    with scene.event_source():
        eventually(lambda: samples(behind, ConsumerName="process") > 0, "an age")
    assert samples("GetRecords.IteratorAgeMilliseconds") == 0


def test_the_template_makes_the_consumer_the_mapping_on_it_and_the_right_to_read_by_it(
    cloud: AwsClients,
) -> None:
    deployment = deployed.deploy(cloud, EnhancedFanOut="true")
    source = cloud.lambda_.get_event_source_mapping(UUID=deployment.mapping_id)["EventSourceArn"]
    assert consumer_of(source) == "ProcessOrders"
    (consumer,) = cloud.kinesis.list_stream_consumers(StreamARN=stream_of(source))["Consumers"]
    assert consumer["ConsumerARN"] == source
    assert (
        cloud.kinesis.describe_stream_consumer(ConsumerARN=source)["ConsumerDescription"]["StreamARN"]
        == (
            cloud.kinesis.describe_stream_summary(StreamName=deployment.stream)["StreamDescriptionSummary"][
                "StreamARN"
            ]
        )
    )


def test_without_it_the_stream_is_polled(cloud: AwsClients) -> None:
    deployment = deployed.deploy(cloud)
    source = cloud.lambda_.get_event_source_mapping(UUID=deployment.mapping_id)["EventSourceArn"]
    assert consumer_of(source) == ""
    assert cloud.kinesis.list_stream_consumers(StreamARN=source)["Consumers"] == []
