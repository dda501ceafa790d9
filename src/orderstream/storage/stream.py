"""The records that the stream still retains, read without starving the function of throughput."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from orderstream.aws.clock import PRECISION
from orderstream.aws.deployment import Deployment
from orderstream.domain.ids import event_id
from orderstream.pipeline.records import Record, arrival, key_of
from orderstream.sdk.errors import error_code, is_throttle, translate_errors
from orderstream.storage.bucket import ALL_TIME, TimeRange

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import GetShardIteratorInputTypeDef, RecordTypeDef

# A shard allows 5 calls and 2 MB a second for all its readers together. With orders of 1 KB this uses half of
# it.
RECORDS_A_CALL = 1000
SECONDS_A_CALL = 1.0
LEAST_SECONDS_A_CALL = 0.4

Sleep = Callable[[float], object]


@dataclass
class _Shard:
    """A shard, and where to continue reading it: at `iterator` or, without one, at `start`."""

    id: str
    start: GetShardIteratorInputTypeDef
    iterator: str | None = None
    due: float = 0.0


@dataclass(frozen=True)
class _Page:
    """The result of one call. `ended`: the shard is closed and has no more; `at_tip`: it has no more yet."""

    records: list[Record]
    ended: bool = False
    at_tip: bool = False


def records(
    deployment: Deployment, span: TimeRange = ALL_TIME, *, sleep: Sleep = time.sleep
) -> Iterator[Record]:
    """The records of all shards that arrived in `span` and are still retained, in order within each shard.

    Stops where the stream ended at the time of the call. Shards that a split or merge created, also in the
    meantime, are read after their parents.
    """
    # The service's clock is known to about a second.
    now = deployment.cloud.now() + PRECISION
    since = span.since or datetime.min.replace(tzinfo=UTC)
    until = min(span.until or now, now)
    shards = _Shards(deployment, span.since)
    waiting = shards.begin()
    while waiting:
        shard = waiting.pop(0)
        page = _read(deployment, shard, sleep)
        found = [record for record in page.records if record.arrived_at < until]
        yield from (record for record in found if record.arrived_at >= since)
        if page.ended:
            waiting += shards.begin(after=shard)
        elif not page.at_tip and (found or not page.records):
            # Kinesis does not guarantee that arrival times increase: one later record is not the end, but a
            # page of nothing else is.
            waiting.append(shard)


def follow(deployment: Deployment, since: datetime, *, sleep: Sleep = time.sleep) -> Iterator[list[Record]]:
    """The records that arrived from `since` on, in order within each shard, as they arrive; never ends.

    One list for each call to Kinesis, empty if there was nothing new.
    """
    shards = _Shards(deployment, since)
    waiting = shards.begin()
    while True:
        shard = waiting.pop(0)
        page = _read(deployment, shard, sleep)
        yield [record for record in page.records if record.arrived_at >= since]
        waiting += shards.begin(after=shard) if page.ended else [shard]


def shard_records(
    deployment: Deployment, shard_id: str, first: str, last: str, *, sleep: Sleep = time.sleep
) -> Iterator[Record]:
    """The records of a shard from sequence number `first` to `last`, both inclusive, if still retained."""
    shard = _shard(deployment, shard_id, None)
    shard.start |= {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": first}
    with translate_errors(f"cannot read {shard_id} of stream {deployment.stream}"):
        try:
            shard.iterator = deployment.cloud.kinesis.get_shard_iterator(**shard.start)["ShardIterator"]
        except ClientError as error:
            if error_code(error) not in {"ResourceNotFoundException", "InvalidArgumentException"}:
                raise
            # The shard, or this position in it, is older than the stream's retention.
            return
    page = _Page([])
    while not (page.ended or page.at_tip):
        page = _read(deployment, shard, sleep)
        for record in page.records:
            if int(record.sequence_number) > int(last):
                return
            if int(record.sequence_number) >= int(first):
                yield record


class _Shards:
    """The shards of a stream, each to be read from `since` on when its parents have been read."""

    def __init__(self, deployment: Deployment, since: datetime | None) -> None:
        self._deployment = deployment
        self._since = since
        self._begun: set[str] = set()
        self._ended: set[str] = set()

    def begin(self, after: _Shard | None = None) -> list[_Shard]:
        """The shards to begin with now that the shard `after` has been read to its end."""
        if after:
            self._ended.add(after.id)
        parents = self._parents()
        unread = parents.keys() - self._ended
        ready = [one for one in parents if one not in self._begun and not parents[one] & unread]
        self._begun.update(ready)
        return [_shard(self._deployment, one, self._since) for one in ready]

    def _parents(self) -> dict[str, set[str]]:
        """The ids of all shards, including closed ones that still have records, with those of their
        parents.
        """
        stream = self._deployment.stream
        with translate_errors(f"cannot read stream {stream}"):
            pages = self._deployment.cloud.kinesis.get_paginator("list_shards").paginate(StreamName=stream)
            return {
                shard["ShardId"]: {
                    shard.get("ParentShardId", ""),
                    shard.get("AdjacentParentShardId", ""),
                }
                for page in pages
                for shard in page["Shards"]
            }


def _shard(deployment: Deployment, shard_id: str, since: datetime | None) -> _Shard:
    start: GetShardIteratorInputTypeDef = {
        "StreamName": deployment.stream,
        "ShardId": shard_id,
        "ShardIteratorType": "TRIM_HORIZON",
    }
    if since is not None:
        start |= {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since}
    return _Shard(shard_id, start)


def _read(deployment: Deployment, shard: _Shard, sleep: Sleep) -> _Page:
    """The next records of a shard."""
    sleep(max(0.0, shard.due - time.monotonic()))
    begun = time.monotonic()
    shard.due = begun + SECONDS_A_CALL
    with translate_errors(f"cannot read {shard.id} of stream {deployment.stream}"):
        try:
            iterator = (
                shard.iterator or deployment.cloud.kinesis.get_shard_iterator(**shard.start)["ShardIterator"]
            )
            answer = deployment.cloud.kinesis.get_records(ShardIterator=iterator, Limit=RECORDS_A_CALL)
        except ClientError as error:
            if error_code(error) == "ExpiredIteratorException":
                # An iterator is valid for five minutes, and a pass through many shards can take longer.
                shard.iterator = None
            elif not is_throttle(error):
                raise
            # If readers exceed the shard's throughput, this is the one that can wait.
            return _Page([])
    found = [_record(shard.id, record) for record in answer["Records"]]
    shard.iterator = answer.get("NextShardIterator")
    share = len(found) / RECORDS_A_CALL
    shard.due = begun + max(LEAST_SECONDS_A_CALL, share * SECONDS_A_CALL)
    if found:
        shard.start = {
            "StreamName": deployment.stream,
            "ShardId": shard.id,
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
            "StartingSequenceNumber": found[-1].sequence_number,
        }
    # An empty page alone is not the end: AWS returns them along the way. Nor is a page with records that is 0
    # ms behind the latest: some services report that for every page.
    at_tip = not found and not answer.get("MillisBehindLatest")
    return _Page(found, ended=shard.iterator is None, at_tip=at_tip)


def _record(shard_id: str, record: RecordTypeDef) -> Record:
    return Record(
        event_id=event_id(shard_id, record["SequenceNumber"]),
        shard_id=shard_id,
        sequence_number=record["SequenceNumber"],
        partition_key=key_of(record.get("PartitionKey")),
        arrived_at=arrival(record["ApproximateArrivalTimestamp"].timestamp()),
        data=record["Data"],
    )
