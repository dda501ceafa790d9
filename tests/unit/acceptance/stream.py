"""A stream whose shards can change, and the table that its orders reach."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from orderstream.testing.fakes import FakeDynamo
from tests.unit.acceptance.fakes import ACCOUNT, REGION, SOME_TIME, STREAM, TABLE, Answer, Refusal

ARN = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{STREAM}"


@dataclass
class Shard:
    """A shard and the ids of its orders; `is_open` until it is split or merged."""

    id: str
    is_open: bool = True
    orders: list[str] = field(default_factory=list)


class Stream:
    """What arrives is in the table at once, but for what `forgets` says of a shard: it is never delivered."""

    def __init__(self, forgets: Callable[[Shard], bool] = lambda shard: False) -> None:
        self.shards = [Shard("shardId-000000000000")]
        self.table = FakeDynamo(table=TABLE)
        self._forgets = forgets
        self._updating = False

    @property
    def open(self) -> list[Shard]:
        """The shards that take records."""
        return [one for one in self.shards if one.is_open]

    def put_records(self, StreamName: str, Records: list[Answer]) -> Answer:
        assert StreamName == STREAM
        results = []
        for record in Records:
            shards = self.open
            digest = hashlib.md5(record["PartitionKey"].encode(), usedforsecurity=False).digest()
            shard = shards[digest[0] % len(shards)]
            order_id = json.loads(record["Data"])["order_id"]
            shard.orders.append(order_id)
            if not self._forgets(shard):
                self.table.items[order_id] = {"OrderID": {"S": order_id}}
            results.append({"SequenceNumber": str(len(shard.orders)), "ShardId": shard.id})
        # AWS says also that none failed, which its own model does not allow.
        return {"Records": results}

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
