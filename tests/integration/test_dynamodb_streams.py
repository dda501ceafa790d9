"""An event source mapping on a DynamoDB stream, on a real MiniStack: changes of items reach the function, or
the destination, as on AWS.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.sdk.errors import error_code
from tests.integration.event_source_harness import TableScene, eventually, statistics

SHARD = "shardId-00000000000000000000-00000000"


@pytest.fixture
def scene(cloud: AwsClients, tmp_path: Path) -> TableScene:
    return TableScene(cloud, tmp_path)


def test_the_function_gets_the_event_that_aws_sends(scene: TableScene) -> None:
    scene.build()
    scene.put("a-1", "a-2")
    scene.cloud.dynamodb.delete_item(TableName="orders", Key={"id": {"S": "a"}})
    with scene.event_source():
        scene.await_all("a-1", "a-2", "a-gone")
    inserted, modified, removed = scene.invocations[0]["event"]["Records"]
    stream = scene.cloud.dynamodb.describe_table(TableName="orders")["Table"]["LatestStreamArn"]
    created = modified["dynamodb"]["ApproximateCreationDateTime"]
    assert isinstance(created, int) and time.time() - 60 < created <= time.time()
    # Compared as text, because functions see the order of the fields too.
    assert json.dumps(modified) == json.dumps(
        {
            "eventID": modified["eventID"],
            "eventName": "MODIFY",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-west-1",
            "dynamodb": {
                "ApproximateCreationDateTime": created,
                "Keys": {"id": {"S": "a"}},
                "NewImage": {"id": {"S": "a"}, "n": {"N": "2"}},
                "OldImage": {"id": {"S": "a"}, "n": {"N": "1"}},
                "SequenceNumber": modified["dynamodb"]["SequenceNumber"],
                "SizeBytes": 15,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
            "eventSourceARN": stream,
        }
    )
    assert [record["eventName"] for record in (inserted, removed)] == ["INSERT", "REMOVE"]
    assert "OldImage" not in inserted["dynamodb"] and "NewImage" not in removed["dynamodb"]


def test_a_partial_failure_redelivers_from_the_failed_record_and_a_restart_resumes(scene: TableScene) -> None:
    scene.build('return fail(ids[batch.index("b-1")]) if "b-1" in batch and len(before) < 2 else None')
    numbers = scene.put("a-1", "b-1", "c-1")
    with scene.event_source():
        eventually(lambda: scene.saved == {SHARD: numbers[-1]}, "all done")
    assert scene.batches == [["a-1", "b-1", "c-1"], ["b-1", "c-1"], ["b-1", "c-1"]]
    scene.put("d-1")
    with scene.event_source():
        scene.await_all("d-1")
    assert scene.batches[3:] == [["d-1"]]
    assert scene.problems == []


def test_concurrent_partiql_writers_of_an_item_are_delivered_in_order_without_a_gap(
    scene: TableScene,
) -> None:
    # The first invocation ends only when another lane has begun one.
    scene.build("if not before: await_invocations(2)", ParallelizationFactor=3, BatchSize=10)
    keys, writers, times = ("a", "b", "c", "d"), 4, 5

    def write(_: int) -> None:
        for _ in range(times):
            for key in keys:
                _increment(scene.cloud, key)

    with scene.event_source(), ThreadPoolExecutor(writers) as threads:
        scene.put(*(f"{key}-1" for key in keys))
        list(threads.map(write, range(writers)))
        last = 1 + writers * times
        scene.await_all(*(f"{key}-{last}" for key in keys))
    for key in keys:
        of_key = [text for text in scene.delivered if text.startswith(f"{key}-")]
        assert of_key == [f"{key}-{number}" for number in range(1, last + 1)]
    assert scene.problems == []


def _increment(cloud: AwsClients, key: str) -> None:
    """Add one to the item's number, by a conditional write of the number that was read."""
    while True:
        item = cloud.dynamodb.get_item(TableName="orders", Key={"id": {"S": key}})["Item"]
        number = int(item["n"]["N"])
        try:
            cloud.dynamodb.execute_statement(
                Statement='UPDATE "orders" SET n = ? WHERE id = ? AND n = ?',
                Parameters=[{"N": str(number + 1)}, {"S": key}, {"N": str(number)}],
            )
            return
        except ClientError as error:
            assert error_code(error) == "ConditionalCheckFailedException"


def test_a_poison_record_is_isolated_and_lands_in_s3_with_its_position_in_the_stream(
    scene: TableScene,
) -> None:
    scene.make_bucket()
    scene.build(
        'if "a-2" in batch: raise ValueError("poison")',
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        DestinationConfig=scene.to_bucket,
        MetricsConfig={"Metrics": ["EventCount"]},
    )
    numbers = scene.put("a-1", "a-2", "a-3")
    with scene.event_source():
        eventually(lambda: scene.saved == {SHARD: numbers[-1]}, "all done")
    assert [text for batch in scene.batches if "a-2" not in batch for text in batch] == ["a-1", "a-3"]
    (failure,) = scene.failure_objects.values()
    (poison,) = json.loads(failure["payload"])["Records"]
    assert poison["dynamodb"]["SequenceNumber"] == numbers[1]
    created = poison["dynamodb"]["ApproximateCreationDateTime"]
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(created))
    assert failure["DDBStreamBatchInfo"] == {
        "shardId": SHARD,
        "startSequenceNumber": numbers[1],
        "endSequenceNumber": numbers[1],
        "approximateArrivalOfFirstRecord": at,
        "approximateArrivalOfLastRecord": at,
        "batchSize": 1,
        "streamArn": poison["eventSourceARN"],
    }
    _, label = poison["eventSourceARN"].rsplit("/", 1)
    dimensions = {"Operation": "GetRecords", "StreamLabel": label, "TableName": "orders"}
    assert statistics(scene.cloud, "AWS/DynamoDB", "ReturnedRecordsCount", **dimensions)[1] == 3
    of_mapping = {"EventSourceMappingUUID": scene.mapping_id}
    assert statistics(scene.cloud, "AWS/Lambda", "PolledEventCount", **of_mapping)[1] == 3
    assert statistics(scene.cloud, "AWS/Lambda", "IteratorAge", FunctionName="process")[0] > 0
    assert statistics(scene.cloud, "AWS/Kinesis", "IncomingRecords", StreamName=label) == (0, 0)


def test_a_start_at_the_latest_record_skips_no_later_one_also_after_a_restart(scene: TableScene) -> None:
    scene.build(StartingPosition="LATEST")
    with scene.event_source():
        pass
    scene.put("a-1")
    with scene.event_source():
        scene.await_all("a-1")


def test_a_stream_that_was_disabled_is_read_to_its_end(scene: TableScene) -> None:
    scene.build()
    numbers = scene.put("a-1", "a-2")
    scene.cloud.dynamodb.update_table(TableName="orders", StreamSpecification={"StreamEnabled": False})
    with scene.event_source():
        scene.await_all("a-1", "a-2")
        eventually(lambda: scene.saved == {SHARD: numbers[-1]}, "all done")
    assert scene.problems == []
