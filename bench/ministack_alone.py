"""The calls that orders cost, made to MiniStack alone: how many orders a second, and its processor time."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from typing import Any

from bench.end_to_end import ALONE, orders
from bench.harness import items
from bench.proc_stats import processor_seconds
from orderstream.aws.kinesis_event import EventOrigin, entry
from orderstream.domain.object_keys import ORDERS
from orderstream.ingest.samples import Sample
from orderstream.local.cloud import ACCOUNT, REGION, LocalCloud
from orderstream.pipeline.table import InsertResult, OrderTable
from orderstream.sdk.errors import translate_errors

# More do not make MiniStack faster: it works on one request at a time.
THREADS = 8
# As many as Kinesis and the template's batches take at a time.
RECORDS_PER_CALL, BATCH = 500, 1000
PUT, INSERT = "PutRecords", "BatchExecuteStatement"
# The name of a stream that nobody else reads, and of a function that only logs.
_CODE = """
def handle(event, context):
    print("x" * 1500, flush=True)
    return {"batchItemFailures": []}
"""


@dataclass(frozen=True)
class Cost:
    """What a call comes to: orders a second, and microseconds of MiniStack's processor time an order."""

    per_second: float
    us: float


class MiniStackAlone:
    """The MiniStack of a running local cloud, whose table has some orders; it grows with what is asked."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._deployment, self._clients, self._pid = cloud.deployment, cloud.cloud, cloud.ministack.pid
        with translate_errors("cannot create a stream and a function to measure with"):
            self._items = list(islice(items(self._deployment), 200))
            self._shards = self._create_stream()
            self._create_function()
        self._event = _event(orders("event", BATCH))
        # Started before it is measured.
        self._invoke()

    def costs(self, name: str, count: int) -> dict[str, Cost]:
        """What each call costs for `count` orders; another name makes other orders."""
        assert self._pid is not None
        found = {}
        with ThreadPoolExecutor(THREADS) as threads:
            for call, make_calls, done in self._calls(threads, name, count):
                used, begin = processor_seconds(self._pid), time.perf_counter()
                make_calls()
                seconds = time.perf_counter() - begin
                used = processor_seconds(self._pid) - used
                found[call] = Cost(done / seconds, used / done * 1e6)
        return found

    def _calls(
        self, threads: ThreadPoolExecutor, name: str, count: int
    ) -> Iterator[tuple[str, Callable[[], object], int]]:
        """The name of each call, a function that makes all of them, and for how many orders they are."""

        def all_of(calls: Iterable[Callable[[], object]]) -> Callable[[], object]:
            ready = list(calls)
            return lambda: list(threads.map(lambda call: call(), ready))

        kinesis, s3 = self._clients.kinesis_no_retry, self._clients.s3
        batches = max(1, count // BATCH)
        records: Any = [{"Data": one.data, "PartitionKey": one.partition_key} for one in orders(name, count)]
        chunks = [records[start : start + RECORDS_PER_CALL] for start in range(0, count, RECORDS_PER_CALL)]
        yield (
            PUT,
            all_of(partial(kinesis.put_records, StreamName=ALONE, Records=some) for some in chunks),
            count,
        )
        iterators = [
            kinesis.get_shard_iterator(StreamName=ALONE, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
            for shard in self._shards
        ]
        reads = [
            partial(kinesis.get_records, ShardIterator=one["ShardIterator"], Limit=BATCH)
            for one in islice(cycle(iterators), batches)
        ]
        yield "GetRecords", all_of(reads), batches * BATCH
        yield "Invoke", all_of([self._invoke] * batches), batches * BATCH
        new = [
            one | {"OrderID": f"{ALONE}-{name}-{number:07d}"}
            for number, one in enumerate(islice(cycle(self._items), count))
        ]
        yield INSERT, partial(self._insert, threads, new), count
        bucket, body = self._deployment.bucket, self._largest_object()
        put = partial(s3.put_object, Bucket=bucket, Key=f"{name}.gz", Body=body)
        yield "PutObject", all_of([put] * batches), batches * BATCH

    def _insert(self, threads: ThreadPoolExecutor, new: Sequence[dict[str, Any]]) -> None:
        table = OrderTable(self._clients.dynamodb, self._deployment.table, each=threads.map)
        outcomes = table.insert(new, lambda: 60.0)
        assert {one.result for one in outcomes} == {InsertResult.STORED}

    def _invoke(self) -> None:
        answer = self._clients.lambda_.invoke(FunctionName=ALONE, Payload=self._event, LogType="Tail")
        assert "FunctionError" not in answer, answer

    def _largest_object(self) -> bytes:
        s3 = self._clients.s3
        archived = s3.list_objects_v2(Bucket=self._deployment.bucket, Prefix=ORDERS)["Contents"]
        key = max(archived, key=lambda found: found["Size"])["Key"]
        return s3.get_object(Bucket=self._deployment.bucket, Key=key)["Body"].read()

    def _create_stream(self) -> list[str]:
        kinesis = self._clients.kinesis
        shards = kinesis.list_shards(StreamName=self._deployment.stream)["Shards"]
        kinesis.create_stream(StreamName=ALONE, ShardCount=len(shards))
        return [shard["ShardId"] for shard in kinesis.list_shards(StreamName=ALONE)["Shards"]]

    def _create_function(self) -> None:
        like = self._clients.lambda_.get_function_configuration(FunctionName=self._deployment.function)
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as packed:
            packed.writestr("alone.py", _CODE)
        self._clients.lambda_.create_function(
            FunctionName=ALONE,
            Runtime=like["Runtime"],
            Role=like["Role"],
            Handler="alone.handle",
            Code={"ZipFile": code.getvalue()},
            Timeout=60,
        )


def _event(traffic: Iterable[Sample]) -> bytes:
    origin = EventOrigin(
        f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/OrderStream", "shardId-000000000000", "role"
    )
    records = [
        entry(
            origin,
            sequence_number=f"{number:030d}",
            partition_key=one.partition_key,
            data=one.data,
            arrived_at=1.795e9,
        )
        for number, one in enumerate(traffic)
    ]
    return b'{"Records":[%b]}' % b",".join(records)
