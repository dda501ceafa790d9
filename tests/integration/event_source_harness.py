"""A Kinesis or DynamoDB stream, a function and an event source mapping on MiniStack."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orderstream.aws.clients import AwsClients
from orderstream.local.event_source import EventSource

# Writes down each batch it gets, then answers as `answer` says. `before` are the batches until then.
_FUNCTION = """
import base64, json, os, time

def text_of(record):
    if "kinesis" in record:
        return base64.b64decode(record["kinesis"]["data"]).decode()
    change = record["dynamodb"]
    return change["Keys"]["id"]["S"] + "-" + change.get("NewImage", {{}}).get("n", {{"N": "gone"}})["N"]

def number_of(record):
    if "kinesis" in record:
        return record["kinesis"]["sequenceNumber"]
    return record["dynamodb"]["SequenceNumber"]

def handler(event, context):
    batch = [text_of(record) for record in event["Records"]]
    ids = [number_of(record) for record in event["Records"]]
    with open(os.environ["SEEN"], "a+") as seen:
        seen.seek(0)
        before = [json.loads(line)["batch"] for line in seen]
        seen.write(json.dumps({{"batch": batch, "event": event, "at": time.time()}}) + "\\n")
    return answer(batch, ids, before)

def await_invocations(count):
    # Return when so many have begun, with this one still running; raise if that does not come.
    deadline = time.time() + 25
    while time.time() < deadline:
        with open(os.environ["SEEN"]) as seen:
            if seen.read().count("\\n") >= count:
                return
        time.sleep(0.02)
    raise TimeoutError("no other invocation has begun")

def fail(sequence_number):
    return {{"batchItemFailures": [{{"itemIdentifier": sequence_number}}]}}

def answer(batch, ids, before):
{answer}
"""


def eventually(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.02)


class Scene:
    """A stream, a function and their disabled mapping; `running` is the event source between them."""

    def __init__(self, cloud: AwsClients, folder: Path) -> None:
        self.cloud = cloud
        self.problems: list[str] = []
        self.checkpoints = folder / "checkpoints.json"
        self.mapping_id = ""
        # The names of buckets are shared by all accounts.
        self.bucket = f"failures-{cloud.access_key}"
        self._seen = folder / "seen.jsonl"

    def build(self, answer: str = "return None", *, shards: int = 1, **settings: Any) -> None:
        source = self.make_source(shards)
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            lines = "\n".join("    " + line for line in answer.splitlines())
            archive.writestr("function.py", _FUNCTION.format(answer=lines))
        self.cloud.lambda_.create_function(
            FunctionName="process",
            Runtime="python3.13",
            Role="arn:aws:iam::000000000001:role/process",
            Handler="function.handler",
            Code={"ZipFile": code.getvalue()},
            Timeout=30,
            Environment={"Variables": {"SEEN": str(self._seen)}},
        )
        mapping: dict[str, Any] = {
            "EventSourceArn": source,
            "FunctionName": "process",
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 100,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "Enabled": False,
        }
        created = self.cloud.lambda_.create_event_source_mapping(**mapping | settings)
        self.mapping_id = created["UUID"]

    def make_source(self, shards: int) -> str:
        """Make the stream, unless it is to have no shards; its ARN."""
        if shards:
            self.cloud.kinesis.create_stream(StreamName="orders", ShardCount=shards)
        found = self.cloud.kinesis.describe_stream_summary(StreamName="orders")
        return found["StreamDescriptionSummary"]["StreamARN"]

    def event_source(self, *, is_told: bool = False) -> EventSource:
        return EventSource(
            self.cloud,
            self.mapping_id,
            checkpoints=self.checkpoints,
            on_problem=self.problems.append,
            is_told=is_told,
        )

    def put(self, *texts: str) -> list[str]:
        """Send texts like "key-1", all before the dash being the partition key; their sequence numbers."""
        sent = self.cloud.kinesis.put_records(
            StreamName="orders",
            Records=[{"Data": text.encode(), "PartitionKey": text.split("-")[0]} for text in texts],
        )
        return [record["SequenceNumber"] for record in sent["Records"]]

    @property
    def invocations(self) -> list[dict[str, Any]]:
        text = self._seen.read_text() if self._seen.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    @property
    def batches(self) -> list[list[str]]:
        return [invocation["batch"] for invocation in self.invocations]

    @property
    def delivered(self) -> list[str]:
        return [text for batch in self.batches for text in batch]

    def await_all(self, *texts: str) -> None:
        eventually(lambda: set(texts) <= set(self.delivered), f"{texts} delivered")

    @property
    def saved(self) -> dict[str, str]:
        if not self.checkpoints.is_file():
            return {}
        whole: dict[str, dict[str, str]] = json.loads(self.checkpoints.read_text())
        return whole[self.mapping_id]

    @property
    def failure_objects(self) -> dict[str, dict[str, Any]]:
        listed = self.cloud.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        keys = [item["Key"] for item in listed]
        bodies = [self.cloud.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys]
        return dict(zip(keys, map(json.loads, bodies), strict=True))

    @property
    def to_bucket(self) -> dict[str, Any]:
        """The mapping's DestinationConfig for a bucket, which `make_bucket` makes."""
        return {"OnFailure": {"Destination": f"arn:aws:s3:::{self.bucket}"}}

    def make_bucket(self) -> None:
        self.cloud.s3.create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )


class TableScene(Scene):
    """The same with the DynamoDB stream of a table, whose items have the key `id` and a number `n`."""

    def make_source(self, shards: int) -> str:
        made = self.cloud.dynamodb.create_table(
            TableName="orders",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        return made["TableDescription"]["LatestStreamArn"]

    def put(self, *texts: str) -> list[str]:
        """Write items like "key-1", the part after the dash being its number; their sequence numbers."""
        for text in texts:
            key, number = text.split("-")
            self.cloud.dynamodb.put_item(TableName="orders", Item={"id": {"S": key}, "n": {"N": number}})
        return [record["dynamodb"]["SequenceNumber"] for record in self.records()[-len(texts) :]]

    def records(self) -> list[dict[str, Any]]:
        """All records of the stream, in the JSON form of GetRecords."""
        streams = self.cloud.client("dynamodbstreams")
        ((arn, shard),) = (
            (stream["StreamArn"], shard["ShardId"])
            for stream in streams.list_streams(TableName="orders")["Streams"]
            for shard in streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
        )
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
        found: list[dict[str, Any]] = []
        while page := (answer := streams.get_records(ShardIterator=iterator))["Records"]:
            found += page
            iterator = answer["NextShardIterator"]
        return found


def statistics(cloud: AwsClients, namespace: str, name: str, **dimensions: str) -> tuple[float, float]:
    """How many samples there are of a metric, and their sum."""
    now = datetime.now(UTC)
    points = cloud.cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=3600,
        Statistics=["SampleCount", "Sum"],
    )["Datapoints"]
    return sum(point["SampleCount"] for point in points), sum(point["Sum"] for point in points)
