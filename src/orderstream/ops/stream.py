"""The records that the stream still keeps, read without starving the function of its share."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from orderstream.domain.identity import event_id
from orderstream.ops.bucket import ALWAYS, Span
from orderstream.ops.cloud import Cloud, cloud_errors
from orderstream.ops.stack import Stack
from orderstream.pipeline.records import Record, arrival

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import GetShardIteratorInputTypeDef, RecordTypeDef

# A shard gives 5 answers and 2 MB a second to all its readers together: with orders of 1 KB this
# takes half of it.
RECORDS_A_CALL = 1000
SECONDS_A_CALL = 1.0


@dataclass
class _Shard:
    id: str
    iterator: str | None
    due: float = 0.0


def records(cloud: Cloud, stack: Stack, span: Span = ALWAYS) -> Iterator[Record]:
    """The records of all shards that arrived in `span` and are still retained; each shard's in its order.

    Ends where the stream ended at the time of the call.
    """
    # Times of arrival are rounded to milliseconds: what arrived just now may seem to have done so later.
    now = datetime.now(UTC) + timedelta(milliseconds=1)
    until = min(span.until or datetime.max.replace(tzinfo=UTC), now)
    with cloud_errors(f"cannot read stream {stack.stream}"):
        shards = [
            shard["ShardId"]
            for page in cloud.kinesis.get_paginator("list_shards").paginate(StreamName=stack.stream)
            for shard in page["Shards"]
        ]
        waiting = [_Shard(shard_id, _iterator(cloud, stack, shard_id, span.since)) for shard_id in shards]
    while waiting:
        shard = waiting.pop(0)
        page, ended = _read(cloud, stack, shard, until)
        yield from page
        if not ended:
            waiting.append(shard)


def shard_records(cloud: Cloud, stack: Stack, shard_id: str, first: str, last: str) -> Iterator[Record]:
    """The records of a shard from sequence number `first` to `last`, both included, if still retained."""
    request: GetShardIteratorInputTypeDef = {
        "StreamName": stack.stream,
        "ShardId": shard_id,
        "ShardIteratorType": "AT_SEQUENCE_NUMBER",
        "StartingSequenceNumber": first,
    }
    with cloud_errors(f"cannot read {shard_id} of stream {stack.stream}"):
        try:
            shard = _Shard(shard_id, cloud.kinesis.get_shard_iterator(**request)["ShardIterator"])
        except ClientError as error:
            if _code(error) not in {"ResourceNotFoundException", "InvalidArgumentException"}:
                raise
            # The shard, or this place in it, is older than the stream's retention.
            return
    now, ended = datetime.now(UTC), False
    while not ended:
        page, ended = _read(cloud, stack, shard, now)
        for record in page:
            if int(record.sequence_number) > int(last):
                return
            if int(record.sequence_number) >= int(first):
                yield record


def _iterator(cloud: Cloud, stack: Stack, shard_id: str, since: datetime | None) -> str:
    request: GetShardIteratorInputTypeDef = {
        "StreamName": stack.stream,
        "ShardId": shard_id,
        "ShardIteratorType": "TRIM_HORIZON",
    }
    if since is not None:
        request |= {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since}
    return cloud.kinesis.get_shard_iterator(**request)["ShardIterator"]


def _read(cloud: Cloud, stack: Stack, shard: _Shard, until: datetime) -> tuple[list[Record], bool]:
    """The next records that arrived before `until`, and whether there are no more of them."""
    time.sleep(max(0.0, shard.due - time.monotonic()))
    shard.due = time.monotonic() + SECONDS_A_CALL
    with cloud_errors(f"cannot read {shard.id} of stream {stack.stream}"):
        try:
            assert shard.iterator is not None
            answer = cloud.kinesis.get_records(ShardIterator=shard.iterator, Limit=RECORDS_A_CALL)
        except ClientError as error:
            if _code(error) != "ProvisionedThroughputExceededException":
                raise
            # The shard's readers want more than it gives: this one is the one that can wait.
            return [], False
    shard.iterator = answer.get("NextShardIterator")
    found = [_record(shard.id, record) for record in answer["Records"]]
    page = [record for record in found if record.arrived_at < until]
    at_end = not answer.get("MillisBehindLatest")
    return page, shard.iterator is None or at_end or len(page) < len(found)


def _record(shard_id: str, record: RecordTypeDef) -> Record:
    return Record(
        event_id=event_id(shard_id, record["SequenceNumber"]),
        shard_id=shard_id,
        sequence_number=record["SequenceNumber"],
        partition_key=record["PartitionKey"],
        arrived_at=arrival(record["ApproximateArrivalTimestamp"].timestamp()),
        data=record["Data"],
    )


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
