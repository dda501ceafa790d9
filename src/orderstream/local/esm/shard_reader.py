"""Reads the records of one shard, page by page, from where it stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict

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
    """A position in a shard, advanced by `read`."""

    waits = False
    most_a_call = 10_000

    def __init__(self, kinesis: KinesisClient, origin: EventOrigin, start: Position) -> None:
        self._kinesis = kinesis
        self._origin = origin
        self._next = start
        self._iterator: str | None = None

    def read(self, limit: int, now: float) -> RecordsPage:
        """Return up to `limit` further records, none if there are none yet.

        `now` is in seconds of the monotonic clock. SDK errors propagate; the next
        call continues from the same position.
        """
        try:
            answer = self._fetch(limit)
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                return RecordsPage(closed=True, vanished=True)
            if error_code(error) != "ExpiredIteratorException":
                raise
            self._iterator = None
            answer = self._fetch(limit)
        records = tuple(to_records(self._origin, answer["Records"], self._next, now))
        if records:
            self._next = Position(records[-1].sequence_number)
        return RecordsPage(records, closed=not answer.get("NextShardIterator"))

    def close(self) -> None:
        """Do nothing: nothing is open between two calls."""

    def _fetch(self, limit: int) -> GetRecordsOutputTypeDef:
        self._iterator = self._iterator or self._find_place()
        answer = self._kinesis.get_records(ShardIterator=self._iterator, Limit=limit)
        self._iterator = answer.get("NextShardIterator")
        return answer

    def _find_place(self) -> str:
        request: GetShardIteratorInputTypeDef = {
            "StreamARN": self._origin.stream_arn,
            "ShardId": self._origin.shard_id,
            "ShardIteratorType": self._next.kind,
        }
        if self._next.sequence_number is not None:
            request["StartingSequenceNumber"] = self._next.sequence_number
        if self._next.timestamp is not None:
            request["Timestamp"] = datetime.fromtimestamp(self._next.timestamp, UTC)
        return self._kinesis.get_shard_iterator(**request)["ShardIterator"]


def to_records(
    origin: EventOrigin, records: Iterable[RecordTypeDef], start: Position, now: float
) -> Iterator[EventRecord]:
    """Convert records that were read from `start` on for the lanes."""
    before = start.sequence_number
    for record in records:
        arrived_at = record["ApproximateArrivalTimestamp"].timestamp()
        if start.timestamp is not None and arrived_at < start.timestamp:
            # The SDK sends whole seconds.
            continue
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
