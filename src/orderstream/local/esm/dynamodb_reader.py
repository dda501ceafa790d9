"""Reads the records of one shard of a DynamoDB stream, page by page, from where it stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from orderstream.aws.dynamodb_event import entry, item_key
from orderstream.aws.kinesis_event import EventRecord
from orderstream.local.esm.shard_reader import RecordsPage
from orderstream.local.esm.shards import Position
from orderstream.sdk.codec import parse_with_msgspec
from orderstream.sdk.errors import error_code


def keep_records_as_json(streams: Any) -> None:
    """Let this client return the records of GetRecords as they are in JSON, which is also their form in the
    event.

    botocore would decode binary attributes and times.
    """
    parse_with_msgspec(streams, "dynamodb-streams.GetRecords", dict[str, Any])


class DynamoDBReader:
    """A position in a shard, advanced by `read`. `keep_records_as_json` was called with `streams`."""

    waits = False
    most_a_call = 1000

    def __init__(self, streams: Any, stream_arn: str, shard_id: str, start: Position) -> None:
        self._streams = streams
        self._where = {"StreamArn": stream_arn, "ShardId": shard_id}
        self._next = start
        self._iterator: str | None = None

    def read(self, limit: int, now: float) -> RecordsPage:
        """Return up to `limit` further records, none if there are none yet.

        `now` is in seconds of the monotonic clock. SDK errors propagate; the next call continues from the
        same position.
        """
        try:
            answer = self._fetch(limit)
        except ClientError as error:
            if error_code(error) == "TrimmedDataAccessException":
                # The last record read is older than 24 hours, so what follows is the oldest one.
                self._iterator = self._find_place("TRIM_HORIZON")
            elif error_code(error) == "ExpiredIteratorException":
                self._iterator = None
            else:
                raise
            answer = self._fetch(limit)
        records = tuple(self._new(answer["Records"], now))
        if records:
            self._next = Position(records[-1].sequence_number)
        return RecordsPage(records, closed=not self._iterator)

    def close(self) -> None:
        """Do nothing: nothing is open between two calls."""

    def _fetch(self, limit: int) -> dict[str, Any]:
        self._iterator = self._iterator or self._find_place(self._next.kind)
        answer: dict[str, Any] = self._streams.get_records(ShardIterator=self._iterator, Limit=limit)
        self._iterator = answer.get("NextShardIterator")
        return answer

    def _find_place(self, kind: str) -> str:
        request = {**self._where, "ShardIteratorType": kind}
        if kind == "AFTER_SEQUENCE_NUMBER":
            request["SequenceNumber"] = str(self._next.sequence_number)
        elif kind == "AT_TIMESTAMP":
            # DynamoDB does not have it: read from the start, and skip.
            request["ShardIteratorType"] = "TRIM_HORIZON"
        return str(self._streams.get_shard_iterator(**request)["ShardIterator"])

    def _new(self, records: list[dict[str, Any]], now: float) -> Iterator[EventRecord]:
        start = self._next
        before = start.sequence_number
        for record in records:
            change = record["dynamodb"]
            arrived_at = change["ApproximateCreationDateTime"]
            # Creation times are whole seconds: a record from the second of the start may be from before it.
            if start.timestamp is not None and arrived_at < int(start.timestamp):
                continue
            if start.sequence_number is not None and int(change["SequenceNumber"]) <= int(
                start.sequence_number
            ):
                continue
            yield EventRecord(
                sequence_number=change["SequenceNumber"],
                partition_key=item_key(record),
                arrived_at=arrived_at,
                read_at=now,
                before=before,
                json=entry(self._where["StreamArn"], record),
                size=change["SizeBytes"],
            )
            before = change["SequenceNumber"]
