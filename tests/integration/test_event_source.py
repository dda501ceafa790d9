"""The event source on a real MiniStack: records reach the function, or the destination, as on AWS."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.domain.object_keys import DISCARDED
from orderstream.errors import CloudError
from tests.integration.event_source_harness import (
    Scene,
    eventually,
    statistics,
)


@pytest.fixture
def scene(cloud: AwsClients, tmp_path: Path) -> Scene:
    return Scene(cloud, tmp_path)


def payload_of(failure: dict[str, Any]) -> list[str]:
    records = json.loads(failure["payload"])["Records"]
    return [base64.b64decode(record["kinesis"]["data"]).decode() for record in records]


def test_checkpoints_that_cannot_be_saved_stop_no_delivery_and_are_said_once(scene: Scene) -> None:
    scene.build()
    with scene.event_source():
        # As on a full disk: the file cannot be replaced.
        scene.checkpoints.unlink()
        scene.checkpoints.mkdir()
        scene.put("a-1")
        eventually(lambda: bool(scene.problems), "a problem")
        (last,) = scene.put("a-2")
        scene.await_all("a-1", "a-2")
        scene.checkpoints.rmdir()
        eventually(lambda: last in scene.saved.values(), "saved")
    assert len(scene.problems) == 1
    assert scene.problems[0].startswith("cannot save how far the stream is read, trying on: ")


def test_each_partition_key_keeps_its_order_while_lanes_run_at_the_same_time(scene: Scene) -> None:
    # The first invocation ends only when another lane has begun one.
    scene.build("if not before: await_invocations(2)", ParallelizationFactor=3, BatchSize=10)
    keys = [f"customer{n}" for n in range(9)]
    texts = [f"{key}-{n}" for n in range(20) for key in keys]
    scene.put(*texts)
    with scene.event_source():
        scene.await_all(*texts)
    for key in keys:
        of_key = [text for text in scene.delivered if text.split("-")[0] == key]
        assert of_key == [f"{key}-{n}" for n in range(20)]
    assert max(map(len, scene.batches)) <= 10
    assert scene.problems == []


def test_the_function_gets_the_event_that_aws_sends(scene: Scene) -> None:
    scene.build()
    (number,) = scene.put("a-1")
    with scene.event_source():
        scene.await_all("a-1")
    (record,) = scene.invocations[0]["event"]["Records"]
    stream = scene.cloud.kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
    arrived = record["kinesis"].pop("approximateArrivalTimestamp")
    assert isinstance(arrived, float) and time.time() - 60 < arrived < time.time()
    assert record == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "a",
            "sequenceNumber": number,
            "data": base64.b64encode(b"a-1").decode(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000001:role/process",
        "awsRegion": "eu-west-1",
        "eventSourceARN": stream["StreamARN"],
    }


def test_a_batching_window_gathers_what_comes_within_it(scene: Scene) -> None:
    scene.build(MaximumBatchingWindowInSeconds=2)
    with scene.event_source():
        for text in ("a-1", "a-2", "a-3"):
            scene.put(text)
        scene.await_all("a-1", "a-2", "a-3")
    assert scene.batches == [["a-1", "a-2", "a-3"]]


def test_a_poison_record_is_isolated_and_lands_in_s3_while_all_others_are_delivered(scene: Scene) -> None:
    scene.make_bucket()
    scene.build(
        'if "a-poison" in batch: raise ValueError("poison")',
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        DestinationConfig=scene.to_bucket,
    )
    numbers = scene.put("a-1", "a-2", "a-3", "a-4", "a-5", "a-poison", "a-7", "a-8")
    with scene.event_source():
        eventually(lambda: scene.saved == {"shardId-000000000000": numbers[-1]}, "all done")
    harmless = [batch for batch in scene.batches if "a-poison" not in batch]
    assert [text for batch in harmless for text in batch] == ["a-1", "a-2", "a-3", "a-4", "a-5", "a-7", "a-8"]
    ((key, failure),) = scene.failure_objects.items()
    today = f"{datetime.now(UTC):%Y/%m/%d}"
    assert key.startswith(f"{DISCARDED}{scene.mapping_id}/shardId-000000000000/{today}/")
    assert payload_of(failure) == ["a-poison"]
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert failure["responseContext"]["functionError"] == "Unhandled"
    assert failure["KinesisBatchInfo"]["startSequenceNumber"] == numbers[5]


def test_a_queue_gets_the_metadata_of_a_persistent_partial_failure(scene: Scene) -> None:
    url = scene.cloud.sqs.create_queue(QueueName="failures")["QueueUrl"]
    queue = scene.cloud.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    scene.build(
        'return fail(ids[batch.index("a-2")]) if "a-2" in batch else None',
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": queue["QueueArn"]}},
    )
    numbers = scene.put("a-1", "a-2", "a-3")
    with scene.event_source():
        eventually(lambda: scene.saved == {"shardId-000000000000": numbers[-1]}, "all done")
    (message,) = scene.cloud.sqs.receive_message(QueueUrl=url)["Messages"]
    failure = json.loads(message["Body"])
    assert failure["requestContext"]["approximateInvokeCount"] == 3 == len(scene.batches)
    assert failure["responseContext"]["functionError"] is None
    info = failure["KinesisBatchInfo"]
    assert (info["startSequenceNumber"], info["endSequenceNumber"], info["batchSize"]) == (*numbers[1:], 2)
    assert "payload" not in failure


def test_records_that_are_too_old_go_to_the_destination(scene: Scene) -> None:
    scene.make_bucket()
    scene.build(MaximumRecordAgeInSeconds=1, DestinationConfig=scene.to_bucket)
    scene.cloud.lambda_.put_function_concurrency(FunctionName="process", ReservedConcurrentExecutions=0)
    scene.put("a-1", "a-2")
    with scene.event_source():
        eventually(lambda: bool(scene.failure_objects), "discarded")
        assert statistics(scene.cloud, "AWS/Lambda", "Throttles", FunctionName="process")[1] > 0
        scene.cloud.lambda_.delete_function_concurrency(FunctionName="process")
        # On a busy machine, some of these are too old as well.
        later = (f"a-{number}" for number in count(3))
        eventually(lambda: bool(scene.put(next(later)) and scene.batches), "delivered")
    assert not {"a-1", "a-2"} & set(scene.delivered)
    failure = next(one for one in scene.failure_objects.values() if "a-1" in payload_of(one))
    assert payload_of(failure) == ["a-1", "a-2"]
    assert failure["requestContext"]["condition"] == "RecordAgeExceeded"
    assert failure["requestContext"]["approximateInvokeCount"] == 1
    assert "responseContext" not in failure


def test_a_destination_that_comes_late_still_gets_everything(scene: Scene) -> None:
    scene.build(
        'return fail(ids[0]) if "a-1" in batch else None',
        MaximumRetryAttempts=0,
        BisectBatchOnFunctionError=True,
        DestinationConfig=scene.to_bucket,
    )
    scene.put("a-1", "a-2")
    with scene.event_source():
        eventually(lambda: bool(scene.problems), "told that the bucket is missing")
        assert scene.batches == [["a-1", "a-2"]], "the lane waits for the destination"
        scene.make_bucket()
        eventually(lambda: scene.batches == [["a-1", "a-2"], ["a-2"]], "going on")
    (failure,) = scene.failure_objects.values()
    assert payload_of(failure) == ["a-1"]


def test_a_stop_finishes_the_batch_under_way_and_leaves_the_rest(scene: Scene) -> None:
    scene.build("time.sleep(0.5)", BatchSize=1)
    numbers = scene.put("a-1", "a-2", "a-3")
    source = scene.event_source()
    source.start()
    eventually(lambda: len(scene.batches) == 1, "the first batch under way")
    source.stop()
    source.stop()
    source.check()
    assert scene.batches == [["a-1"]]
    assert scene.saved == {"shardId-000000000000": numbers[0]}
    with scene.event_source():
        scene.await_all("a-2", "a-3")
    assert scene.delivered == ["a-1", "a-2", "a-3"]


def test_the_children_of_a_split_shard_are_read(scene: Scene) -> None:
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
    assert set(scene.saved) == {"shardId-000000000001", "shardId-000000000002"}
    assert "shardId-000000000000 is gone" in "".join(scene.problems)


def test_a_start_at_the_latest_record_reads_what_comes_after_it_also_after_a_restart(scene: Scene) -> None:
    scene.build(StartingPosition="LATEST")
    scene.put("a-before")
    with scene.event_source():
        pass
    scene.put("a-1")
    with scene.event_source():
        scene.await_all("a-1")
    assert scene.delivered == ["a-1"]


def test_metrics_of_the_function_and_the_iterator_age_arrive_in_cloudwatch(scene: Scene) -> None:
    scene.build(
        'print(json.dumps({"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": ['
        '{"Namespace": "Orders", "Dimensions": [["Stack"]], "Metrics": [{"Name": "Latency"}]}]},'
        ' "Stack": "test", "Latency": [5, 5, 20]}))'
    )
    scene.put("a-1")
    with scene.event_source():
        scene.await_all("a-1")
        eventually(
            lambda: statistics(scene.cloud, "Orders", "Latency", Stack="test") == (3, 30), "EMF metrics"
        )
    count, age = statistics(scene.cloud, "AWS/Lambda", "IteratorAge", FunctionName="process")
    assert count == 1
    assert 0 < age < 60_000
    assert statistics(scene.cloud, "AWS/Lambda", "Invocations", FunctionName="process") == (1, 1)


def test_the_stream_is_counted_when_its_records_came_and_by_shard(scene: Scene) -> None:
    scene.build(shards=2)
    scene.put("a-1", "b-1", "bb-1")
    with scene.event_source():
        scene.await_all("a-1", "b-1", "bb-1")
    assert statistics(scene.cloud, "AWS/Kinesis", "IncomingRecords", StreamName="orders")[1] == 3
    # Data and partition keys: both count against the limit of a shard.
    assert statistics(scene.cloud, "AWS/Kinesis", "IncomingBytes", StreamName="orders")[1] == 14
    shards = ("shardId-000000000000", "shardId-000000000001")
    by_shard = [
        statistics(scene.cloud, "AWS/Kinesis", "IncomingRecords", StreamName="orders", ShardId=shard)[1]
        for shard in shards
    ]
    assert sum(by_shard) == 3 and by_shard[0] in (1, 2)


def test_the_iterator_age_is_zero_while_the_stream_is_idle_and_grows_while_the_function_is_not_run(
    scene: Scene,
) -> None:
    scene.build()
    with scene.event_source():
        eventually(lambda: iterator_ages(scene.cloud)[0] > 0, "an age")
        assert iterator_ages(scene.cloud)[1] == 0
        scene.cloud.lambda_.put_function_concurrency(FunctionName="process", ReservedConcurrentExecutions=0)
        scene.put("a-1")
        eventually(lambda: iterator_ages(scene.cloud)[1] > 1000, "an age above a second")


def test_a_mapping_counts_what_became_of_its_events(scene: Scene) -> None:
    scene.make_bucket()
    scene.build(
        'return fail(ids[batch.index("a-2")]) if "a-2" in batch else None',
        MaximumRetryAttempts=1,
        DestinationConfig=scene.to_bucket,
        MetricsConfig={"Metrics": ["EventCount"]},
    )
    numbers = scene.put("a-1", "a-2", "a-3")
    with scene.event_source():
        eventually(lambda: scene.saved == {"shardId-000000000000": numbers[-1]}, "all done")
    counted = {
        name: statistics(scene.cloud, "AWS/Lambda", name, EventSourceMappingUUID=scene.mapping_id)[1]
        for name in (
            "PolledEventCount",
            "InvokedEventCount",
            "FailedInvokeEventCount",
            "DroppedEventCount",
            "OnFailureDestinationDeliveredEventCount",
        )
    }
    # Three at first, then twice the two that failed: a retry begins anew where the first record is another.
    assert counted == {
        "PolledEventCount": 3,
        "InvokedEventCount": 3 + 2,
        "FailedInvokeEventCount": 2 + 2,
        "DroppedEventCount": 0,
        "OnFailureDestinationDeliveredEventCount": 2,
    }


def test_an_unknown_mapping_is_an_error(scene: Scene) -> None:
    scene.mapping_id = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(CloudError, match="cannot read event source mapping"):
        scene.event_source().start()


def test_check_raises_when_the_stream_is_gone(scene: Scene) -> None:
    scene.build()
    source = scene.event_source()
    source.start()
    source.check()
    scene.cloud.kinesis.delete_stream(StreamName="orders")
    eventually(lambda: any("event source stops" in problem for problem in scene.problems), "noticed")
    with pytest.raises(CloudError, match="broke off"):
        source.check()
    source.stop()


def iterator_ages(cloud: AwsClients) -> tuple[float, float]:
    return statistics(cloud, "AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", StreamName="orders")
