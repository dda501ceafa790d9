"""Reads the records of one shard, page by page, from where it stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypedDict

from botocore.exceptions import ClientError

from orderstream.aws.kinesis_event import EventOrigin, EventRecord, entry
from orderstream.local.esm.shards import Position
from orderstream.pipeline.records import key_of
from orderstream.sdk.codec import parse_with_msgspec
from orderstream.sdk.errors import error_code

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import (
        GetRecordsOutputTypeDef,
        GetShardIteratorInputTypeDef,
        RecordTypeDef,
    )

MOST_A_CALL = 10_000
# An empty shard is polled less and less often, down to AWS's once a second.
IDLE_POLL_SECONDS = 1.0


class _Record(TypedDict, total=False):
    SequenceNumber: str
    Data: bytes
    ApproximateArrivalTimestamp: datetime
    PartitionKey: str | None


class _Answer(TypedDict, total=False):
    Records: list[_Record]
    NextShardIterator: str | None
    MillisBehindLatest: int


def parse_records_fast(kinesis: KinesisClient) -> None:
    """Let this client parse GetRecords with msgspec.

    botocore's own parser takes 25 µs a record, most of it for the timestamp's time zone.
    """
    parse_with_msgspec(kinesis, "kinesis.GetRecords", _Answer)


@dataclass(frozen=True, slots=True)
class RecordsPage:
    """The result of a call. `closed`: no more will come; `vanished`: because MiniStack dropped the shard."""

    records: tuple[EventRecord, ...] = ()
    closed: bool = False
    vanished: bool = False


class ShardReader:
    """A position in a shard, advanced by `read`. `last_read` is the last sequence number, None before any."""

    def __init__(self, kinesis: KinesisClient, origin: EventOrigin, start: Position) -> None:
        self.last_read = start.sequence_number
        self._kinesis = kinesis
        self._origin = origin
        self._start = start
        self._iterator: str | None = None

    def renew(self) -> None:
        """At the next `read`, get a new iterator from the last sequence number read."""
        self._iterator = None

    def read(self, limit: int, now: float, *, expiring: bool) -> RecordsPage:
        """Return up to `limit` further records, none if there are none yet.

        `limit` is 10,000 at most, `now` is in seconds of the monotonic clock; `expiring` is for a stream that
        is older than its retention. SDK errors propagate; the next call continues from the same position.
        """
        fetch = self._fetch_overlapping if expiring and self.last_read else self._fetch
        try:
            answer = fetch(limit)
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                return RecordsPage(closed=True, vanished=True)
            if error_code(error) != "ExpiredIteratorException":
                raise
            self.renew()
            answer = fetch(limit)
        new = [record for record in answer["Records"] if record["SequenceNumber"] != self.last_read]
        records = tuple(to_records(self._origin, new[:limit], self.last_read, now))
        if records:
            self.last_read = records[-1].sequence_number
        # Records beyond the limit are read again from here, so this is not the end.
        return RecordsPage(records, closed=not answer.get("NextShardIterator") and len(new) <= limit)

    def pause(self, page: RecordsPage, limit: int, before: float, floor: float) -> float:
        """Seconds to wait after `page`, which was read with `limit`; `before` was the last pause.

        `floor` is the minimum between two calls for a shard that returned fewer than `limit`.
        """
        if page.records:
            return 0.0 if len(page.records) == limit else floor
        return max(floor, min(IDLE_POLL_SECONDS, 2 * before))

    def close(self) -> None:
        """Do nothing: nothing is open between two calls."""

    def _fetch(self, limit: int) -> GetRecordsOutputTypeDef:
        # Kept even if the call fails: LATEST would be a different position the next time.
        self._iterator = self._iterator or self._find_place("AFTER_SEQUENCE_NUMBER")
        answer = self._kinesis.get_records(ShardIterator=self._iterator, Limit=limit)
        self._iterator = answer.get("NextShardIterator")
        return answer

    def _fetch_overlapping(self, limit: int) -> GetRecordsOutputTypeDef:
        # A MiniStack iterator is an index into its list of records. When old records expire from the head of
        # the list, it skips as many new ones, which would never be read. So each call starts at the last
        # record read: if that comes first, nothing was skipped. If it does not, it has expired itself, and a
        # second call then begins with the same record as the first.
        self.renew()
        first = self.last_read
        while True:
            iterator = self._find_place("AT_SEQUENCE_NUMBER")
            answer = self._kinesis.get_records(ShardIterator=iterator, Limit=min(limit + 1, MOST_A_CALL))
            records = answer["Records"]
            if not records or records[0]["SequenceNumber"] in (self.last_read, first):
                return answer
            first = records[0]["SequenceNumber"]

    def _find_place(self, kind: Literal["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"]) -> str:
        request: GetShardIteratorInputTypeDef = {
            "StreamARN": self._origin.stream_arn,
            "ShardId": self._origin.shard_id,
            "ShardIteratorType": self._start.kind,
        }
        if self.last_read is not None:
            request["ShardIteratorType"] = kind
            request["StartingSequenceNumber"] = self.last_read
        return self._kinesis.get_shard_iterator(**request)["ShardIterator"]


def to_records(
    origin: EventOrigin, records: Iterable[RecordTypeDef], before: str | None, now: float
) -> Iterator[EventRecord]:
    """Convert records for the lanes; `before` is the sequence number read before the first one."""
    for record in records:
        arrived_at = record["ApproximateArrivalTimestamp"].timestamp()
        partition_key = key_of(record.get("PartitionKey"))
        yield EventRecord(
            sequence_number=record["SequenceNumber"],
            partition_key=partition_key,
            arrived_at=arrived_at,
            read_at=now,
            before=before,
            json=entry(
                origin,
                sequence_number=record["SequenceNumber"],
                partition_key=partition_key,
                data=record["Data"],
                arrived_at=arrived_at,
            ),
            size=len(record["Data"]) + len((partition_key or "").encode()),
        )
        before = record["SequenceNumber"]
