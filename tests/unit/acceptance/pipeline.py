"""A stream whose shards can change, the real function behind it, and the archive and table that it fills."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from types import SimpleNamespace
from typing import Any

from botocore.response import StreamingBody

from orderstream.aws.kinesis_event import EventOrigin, EventRecord, entry, event_of
from orderstream.pipeline.archive import BatchArchive
from orderstream.pipeline.lambda_handler import handle_with
from orderstream.pipeline.quarantine import QuarantineWriter
from orderstream.pipeline.records import arrival
from orderstream.pipeline.services import Services
from orderstream.pipeline.settings import Settings
from orderstream.pipeline.table import OrderTable
from orderstream.testing.fakes import FakeDynamo, FakeStore
from tests.unit.acceptance.fakes import (
    ACCOUNT,
    BUCKET,
    NAME,
    REGION,
    SOME_TIME,
    STREAM,
    TABLE,
    Answer,
    Refusal,
)

ARN = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{STREAM}"


class Table(FakeDynamo):
    """The table, which can be read whole too."""

    def scan(self, TableName: str, ProjectionExpression: str, ConsistentRead: bool) -> Answer:
        assert TableName == TABLE and ConsistentRead
        names = ProjectionExpression.split(", ")
        return {"Items": [{name: one[name] for name in names if name in one} for one in self.items.values()]}


class Bucket:
    """S3, with the bucket of the archive alone."""

    def __init__(self) -> None:
        self.store = FakeStore()

    def list_objects_v2(self, Bucket: str, Prefix: str, Delimiter: str = "", StartAfter: str = "") -> Answer:
        _ensure_there(Bucket)
        keys = [
            key
            for key in sorted(self.store.objects)
            if key.startswith(Prefix) and not (Delimiter and Delimiter in key[len(Prefix) :])
        ]
        contents = [self._entry(key) for key in keys if key > StartAfter]
        return {"KeyCount": len(contents), "IsTruncated": False, "Contents": contents}

    def get_object(self, Bucket: str, Key: str) -> Answer:
        _ensure_there(Bucket)
        body = self.store.get(Key)
        if body is None:
            raise Refusal("NoSuchKey", "The specified key does not exist.", 404)
        return {"Body": StreamingBody(BytesIO(body), len(body)), "LastModified": SOME_TIME}

    def _entry(self, key: str) -> Answer:
        body = self.store.objects[key]
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        return {"Key": key, "ETag": etag, "LastModified": SOME_TIME, "Size": len(body)}


def _ensure_there(bucket: str) -> None:
    if bucket != BUCKET:
        raise Refusal("NoSuchBucket", "The specified bucket does not exist", 404)


class NoMetrics:
    """CloudWatch, before there is any metric."""

    def get_metric_statistics(self, **request: Any) -> Answer:
        return {"Label": request["MetricName"], "Datapoints": []}


@dataclass
class Shard:
    """A shard and its records; `is_open` until it is split or merged."""

    id: str
    is_open: bool = True
    records: list[Answer] = field(default_factory=list)


@dataclass
class Pipeline:
    """All of it, as services of FakeAws. What arrives is processed at once by the function itself.

    But for what `forgets` says of a shard: its records are never delivered. `stays` is a stream that says
    that it changes its shards and does not. Records arrive at `now`.
    """

    forgets: Callable[[Shard], bool] = lambda shard: False
    stays: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __post_init__(self) -> None:
        self.shards = [Shard("shardId-000000000000")]
        self.table, self.bucket = Table(table=TABLE), Bucket()
        self._updating = False
        self._services = Services(
            Settings(table=TABLE, bucket=BUCKET, stack=NAME, layout="batch"),
            BatchArchive(self.bucket.store),
            OrderTable(self.table, TABLE),
            QuarantineWriter(self.bucket.store),
        )

    @property
    def services(self) -> dict[str, Any]:
        """For `context_on`."""
        return {
            "kinesis": self,
            "dynamodb": self.table,
            "s3": self.bucket,
            "cloudwatch": NoMetrics(),
        }

    @property
    def open(self) -> list[Shard]:
        """The shards that take records."""
        return [one for one in self.shards if one.is_open]

    def put_records(self, StreamName: str, Records: list[Answer]) -> Answer:
        assert StreamName == STREAM
        results = []
        for record in Records:
            key = record["PartitionKey"]
            shards = self.open
            shard = shards[hashlib.md5(key.encode(), usedforsecurity=False).digest()[0] % len(shards)]
            number = str(10**55 + sum(len(one.records) for one in self.shards))
            shard.records.append(
                {
                    "SequenceNumber": number,
                    "PartitionKey": key,
                    "Data": record["Data"],
                    "ApproximateArrivalTimestamp": arrival(self.now().timestamp()),
                }
            )
            if not self.forgets(shard):
                self._deliver(shard)
            results.append({"SequenceNumber": number, "ShardId": shard.id})
        # AWS says also that none failed, which its own model does not allow.
        return {"Records": results}

    def _deliver(self, shard: Shard) -> None:
        """Invoke the function with the newest record of a shard."""
        newest = shard.records[-1]
        arrived_at = newest["ApproximateArrivalTimestamp"].timestamp()
        body = entry(
            EventOrigin(ARN, shard.id, ""),
            sequence_number=newest["SequenceNumber"],
            partition_key=newest["PartitionKey"],
            data=newest["Data"],
            arrived_at=arrived_at,
        )
        event = json.loads(
            event_of([EventRecord(newest["SequenceNumber"], None, arrived_at, 0.0, None, body)])
        )
        lambda_context = SimpleNamespace(
            aws_request_id="request", get_remaining_time_in_millis=lambda: 60_000.0
        )
        answer = handle_with(self._services, event, lambda_context, cold=False)
        assert answer == {"batchItemFailures": []}

    def describe_stream_summary(self, StreamName: str) -> Answer:
        assert StreamName == STREAM
        # It says once that it is at it.
        status, self._updating = "UPDATING" if self._updating else "ACTIVE", False
        summary = {
            "StreamName": StreamName,
            "StreamARN": ARN,
            "StreamStatus": status,
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": SOME_TIME,
            "EnhancedMonitoring": [],
            "OpenShardCount": len(self.open),
        }
        return {"StreamDescriptionSummary": summary}

    def update_shard_count(self, StreamName: str, TargetShardCount: int, ScalingType: str) -> Answer:
        assert (StreamName, ScalingType) == (STREAM, "UNIFORM_SCALING")
        if self._updating:
            raise Refusal("ResourceInUseException", f"Stream {StreamName} is UPDATING")
        current, self._updating = len(self.open), True
        if not TargetShardCount / 2 <= current <= TargetShardCount * 2:
            raise Refusal("LimitExceededException", "at most twice as many, and half at least")
        if not self.stays:
            for shard in self.open:
                shard.is_open = False
            begin = len(self.shards)
            self.shards += [Shard(f"shardId-{begin + one:012}") for one in range(TargetShardCount)]
        return {
            "StreamName": StreamName,
            "CurrentShardCount": current,
            "TargetShardCount": TargetShardCount,
            "StreamARN": ARN,
        }

    def list_shards(self, StreamName: str) -> Answer:
        assert StreamName == STREAM
        keys = {"StartingHashKey": "0", "EndingHashKey": "340282366920938463463374607431768211455"}
        return {
            "Shards": [
                {
                    "ShardId": one.id,
                    "HashKeyRange": keys,
                    "SequenceNumberRange": {"StartingSequenceNumber": "0"},
                }
                for one in self.shards
            ]
        }

    def get_shard_iterator(self, StreamName: str, ShardId: str, ShardIteratorType: str) -> Answer:
        assert (StreamName, ShardIteratorType) == (STREAM, "TRIM_HORIZON")
        return {"ShardIterator": f"{ShardId}/0"}

    def get_records(self, ShardIterator: str, Limit: int) -> Answer:
        shard_id, _, begin = ShardIterator.partition("/")
        (shard,) = (one for one in self.shards if one.id == shard_id)
        answer: Answer = {"Records": shard.records[int(begin) :][:Limit], "MillisBehindLatest": 0}
        if shard.is_open:
            answer["NextShardIterator"] = f"{shard_id}/{int(begin) + len(answer['Records'])}"
        return answer
