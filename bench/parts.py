"""What each of MiniStack's parts costs an order: its processor time for the calls that the pipeline makes."""

from __future__ import annotations

import io
import json
import statistics
import zipfile
from collections.abc import Iterator

from bench import raw, shop
from bench.processes import processor_seconds
from bench.through import ALONE, RECORDS_A_CALL, Through, chunks
from orderstream.local.laptop import ACCOUNT, REGION
from orderstream.ops.cloud import cloud_errors
from orderstream.ops.kinesis_event import Origin, Record, entry, event_of

# As many as the template has in a batch.
BATCH = 1000
_NOTHING = "Nothing"
_CODE = """
def handle(event, context):
    print("x" * 1500, flush=True)
    return {"batchItemFailures": []}
"""


def parts(through: Through, count: int, rounds: int) -> dict[str, float]:
    """Microseconds of MiniStack's processor time an order, by the name of the call.

    The median of so many rounds of `count` orders each, in turns: MiniStack's memory is collected now
    and then, and takes a second of whichever call that falls into.
    """
    with cloud_errors("cannot make what the parts are measured with"):
        _make_nothing(through)
    event = _event()
    # Started before it is measured.
    raw.send(through.port, [raw.invoke(_NOTHING, event)], threads=1)
    costs: dict[str, list[float]] = {}
    for number in range(rounds):
        for call, requests, orders in _calls(through, count, event, f"part{number}"):
            used = processor_seconds(through.ministack)
            raw.send(through.port, requests)
            used = processor_seconds(through.ministack) - used
            costs.setdefault(call, []).append(used / orders * 1e6)
    return {call: statistics.median(some) for call, some in costs.items()}


def _calls(
    through: Through, count: int, event: bytes, name: str
) -> Iterator[tuple[str, list[raw.Request], int]]:
    """The name of each call, requests for it, and for how many orders they are."""
    bucket, body = through.laptop.stack.bucket, _largest_object(through)
    batches = max(1, count // BATCH)
    puts = [raw.put_records(ALONE, some) for some in chunks(shop.orders(count, name), RECORDS_A_CALL)]
    yield "PutRecords", puts, count
    yield "GetRecords", _reads(through, batches), batches * BATCH
    yield "Invoke", [raw.invoke(_NOTHING, event)] * batches, batches * BATCH
    yield "BatchExecuteStatement", list(through.inserts(count, name)), count
    yield "PutObject", [raw.put_object(bucket, f"{name}.gz", body)] * batches, batches * BATCH


def _largest_object(through: Through) -> bytes:
    bucket, s3 = through.laptop.stack.bucket, through.laptop.cloud.s3
    archived = s3.list_objects_v2(Bucket=bucket, Prefix="orders/")["Contents"]
    key = max(archived, key=lambda found: found["Size"])["Key"]
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def _reads(through: Through, calls: int) -> list[raw.Request]:
    """So many calls for a batch of records each, from the beginning of a shard on."""
    shards = through.laptop.cloud.kinesis.list_shards(StreamName=ALONE)["Shards"]
    asked = [raw.shard_iterator(ALONE, shard["ShardId"]) for shard in shards]
    _, answers = raw.send(through.port, asked)
    iterators = [json.loads(answer)["ShardIterator"] for answer in answers]
    return [raw.get_records(iterators[number % len(iterators)], BATCH) for number in range(calls)]


def _event() -> bytes:
    origin = Origin(f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/OrderStream", "shardId-000000000000", "role")
    records = []
    for number, (data, key) in enumerate(shop.orders(BATCH, "event")):
        name = f"{number:030d}"
        text = entry(origin, sequence_number=name, partition_key=key, data=data, arrived_at=1.795e9)
        records.append(Record(name, key, 1.795e9, 0.0, None, text))
    return event_of(records)


def _make_nothing(through: Through) -> None:
    """A function that does nothing but log a line as long as ours."""
    like = through.laptop.cloud.lambda_.get_function_configuration(FunctionName=through.laptop.stack.function)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as packed:
        packed.writestr("nothing.py", _CODE)
    through.laptop.cloud.lambda_.create_function(
        FunctionName=_NOTHING,
        Runtime=like["Runtime"],
        Role=like["Role"],
        Handler="nothing.handle",
        Code={"ZipFile": code.getvalue()},
        Timeout=60,
    )
