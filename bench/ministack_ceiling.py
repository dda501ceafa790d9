"""The calls that orders cost, asked of MiniStack alone: how many orders a second, and its processor time."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from bench import raw_http, sample_orders
from bench.proc_stats import processor_seconds
from orderstream.aws.clients import translate_errors
from orderstream.aws.kinesis_event import EventOrigin, EventRecord, entry, event_of
from orderstream.domain.object_keys import ORDERS
from orderstream.local.cloud import ACCOUNT, REGION, LocalCloud

T = TypeVar("T")

PUT, READ, INVOKE = "PutRecords", "GetRecords", "Invoke"
INSERT, KEEP = "BatchExecuteStatement", "PutObject"

# As many as Kinesis, the template's batches and DynamoDB take at a time.
RECORDS_A_CALL = 500
BATCH = 1000
STATEMENTS_A_CALL = 25
# A stream and a table that nobody reads from, laid out as those of the stack; and the function's stand-in.
_ALONE = "Alone"
_CODE = """
def handle(event, context):
    print("x" * 1500, flush=True)
    return {"batchItemFailures": []}
"""


@dataclass(frozen=True)
class Cost:
    """What a call came to: orders a second, and microseconds of MiniStack's processor time an order."""

    per_second: float
    us: float


class Alone:
    """The MiniStack of a running local cloud, whose table has some orders; it grows with what is asked."""

    def __init__(self, laptop: LocalCloud) -> None:
        self._laptop = laptop
        self._port = int(laptop.endpoint_url.rpartition(":")[2])
        self._event = _event()
        with translate_errors("cannot make a stream, a table and a function to measure with"):
            self._items: list[dict[str, Any]] = laptop.cloud.dynamodb.scan(
                TableName=laptop.deployment.table, Limit=200
            )["Items"]
            self._shards = self._make_stream()
            self._make_table()
            self._make_function()
        # Started before it is measured.
        raw_http.send(self._port, self._laptop.token, [raw_http.invoke(_ALONE, self._event)])

    def costs(self, count: int, name: str) -> dict[str, Cost]:
        """What each call costs for `count` orders whose ids begin with `name`."""
        found = {}
        pid = self._laptop.ministack.pid
        assert pid is not None
        for call, requests, orders in self._calls(count, name):
            used = processor_seconds(pid)
            seconds, _ = raw_http.send(self._port, self._laptop.token, requests)
            found[call] = Cost(orders / seconds, (processor_seconds(pid) - used) / orders * 1e6)
        return found

    def _calls(self, count: int, name: str) -> Iterator[tuple[str, list[raw_http.Request], int]]:
        """The name of each call, requests for it, and for how many orders they are."""
        bucket, body = self._laptop.deployment.bucket, self._largest_object()
        batches = max(1, count // BATCH)
        orders = sample_orders.orders(count, name)
        yield PUT, [raw_http.put_records(_ALONE, some) for some in _chunks(orders, RECORDS_A_CALL)], count
        yield READ, self._reads(batches), batches * BATCH
        yield INVOKE, [raw_http.invoke(_ALONE, self._event)] * batches, batches * BATCH
        items = (
            self._items[number % len(self._items)] | {"OrderID": {"S": f"{name}-{number:07d}"}}
            for number in range(count)
        )
        yield INSERT, [raw_http.insert(_ALONE, some) for some in _chunks(items, STATEMENTS_A_CALL)], count
        yield KEEP, [raw_http.put_object(bucket, f"{ORDERS}{name}", body)] * batches, batches * BATCH

    def _largest_object(self) -> bytes:
        bucket, s3 = self._laptop.deployment.bucket, self._laptop.cloud.s3
        archived = s3.list_objects_v2(Bucket=bucket, Prefix=ORDERS)["Contents"]
        key = max(archived, key=lambda found: found["Size"])["Key"]
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def _reads(self, calls: int) -> list[raw_http.Request]:
        """So many calls for a batch of records each, from the beginning of a shard on."""
        asked = [raw_http.shard_iterator(_ALONE, shard) for shard in self._shards]
        iterators = [
            json.loads(answer)["ShardIterator"]
            for answer in raw_http.send(self._port, self._laptop.token, asked)[1]
        ]
        return [raw_http.get_records(iterators[number % len(iterators)], BATCH) for number in range(calls)]

    def _make_stream(self) -> list[str]:
        kinesis = self._laptop.cloud.kinesis
        shards = kinesis.list_shards(StreamName=self._laptop.deployment.stream)["Shards"]
        kinesis.create_stream(StreamName=_ALONE, ShardCount=len(shards))
        return [shard["ShardId"] for shard in kinesis.list_shards(StreamName=_ALONE)["Shards"]]

    def _make_table(self) -> None:
        dynamodb = self._laptop.cloud.dynamodb
        table = dynamodb.describe_table(TableName=self._laptop.deployment.table)["Table"]
        dynamodb.create_table(
            TableName=_ALONE,
            KeySchema=table["KeySchema"],
            AttributeDefinitions=table["AttributeDefinitions"],
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=[
                {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}  # type: ignore[misc]
                for index in table.get("GlobalSecondaryIndexes", [])
            ],
        )

    def _make_function(self) -> None:
        """One that does nothing but log a line as long as ours."""
        lambda_ = self._laptop.cloud.lambda_
        like = lambda_.get_function_configuration(FunctionName=self._laptop.deployment.function)
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as packed:
            packed.writestr("alone.py", _CODE)
        lambda_.create_function(
            FunctionName=_ALONE,
            Runtime=like["Runtime"],
            Role=like["Role"],
            Handler="alone.handle",
            Code={"ZipFile": code.getvalue()},
            Timeout=60,
        )


def _event() -> bytes:
    origin = EventOrigin(
        f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/OrderStream", "shardId-000000000000", "role"
    )
    records = []
    for number, (data, key) in enumerate(sample_orders.orders(BATCH, "event")):
        name = f"{number:030d}"
        text = entry(origin, sequence_number=name, partition_key=key, data=data, arrived_at=1.795e9)
        records.append(EventRecord(name, key, 1.795e9, 0.0, None, text))
    return event_of(records)


def _chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk
