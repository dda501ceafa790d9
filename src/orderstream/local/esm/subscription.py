"""Receives a shard's records by enhanced fan-out, as a registered consumer, from where it stopped.

A subscription ends after five minutes, or with its connection: the next `read` subscribes again, after the
last event. MiniStack polls for new records five times a second; AWS pushes them immediately.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import HTTPClientError
from urllib3.exceptions import HTTPError

from orderstream.aws.kinesis_event import EventOrigin
from orderstream.local.esm.shard_reader import RecordsPage, to_records
from orderstream.local.esm.shards import Position
from orderstream.sdk.errors import error_code

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import RecordTypeDef, StartingPositionTypeDef


class Subscription:
    """A position in a shard, advanced by `read`."""

    waits = True
    most_a_call = 10_000

    def __init__(
        self, kinesis: KinesisClient, origin: EventOrigin, consumer_arn: str, start: Position
    ) -> None:
        self._kinesis = kinesis
        self._origin = origin
        self._consumer_arn = consumer_arn
        self._last_read = start
        self._next: StartingPositionTypeDef = {"Type": start.kind}
        if start.sequence_number is not None:
            self._next["SequenceNumber"] = start.sequence_number
        if start.timestamp is not None:
            self._next["Timestamp"] = datetime.fromtimestamp(start.timestamp, UTC)
        self._stream: Any = None
        self._events: Iterator[Any] = iter(())
        self._received: deque[RecordTypeDef] = deque()
        self._has_ended = False

    def read(self, limit: int, now: float) -> RecordsPage:
        """Return up to `limit` further records. Waits for the next event, which may have none.

        `now` is in seconds of the monotonic clock. SDK errors propagate; the next call continues from the
        same position.
        """
        if not self._received and not self._has_ended:
            self._receive()
        if not self._received and self._has_ended:
            return RecordsPage(closed=True, vanished=True)
        records = [self._received.popleft() for _ in range(min(limit, len(self._received)))]
        page = RecordsPage(tuple(to_records(self._origin, records, self._last_read, now)))
        if page.records:
            self._last_read = Position(page.records[-1].sequence_number)
        return page

    def close(self) -> None:
        """End the subscription."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _receive(self) -> None:
        try:
            if self._stream is None:
                self._subscribe()
            event = next(self._events, None)
        except HTTPError as error:
            self.close()
            # Wrap the connection error in the type that other SDK calls raise.
            raise HTTPClientError(error=error) from error
        except Exception as error:
            self.close()
            if not _is_about_the_shard(error):
                raise
            self._has_ended = True
            return
        if event is None:
            self.close()
        elif pushed := event.get("SubscribeToShardEvent"):
            self._add(pushed)

    def _subscribe(self) -> None:
        self._stream = self._kinesis.subscribe_to_shard(
            ConsumerARN=self._consumer_arn, ShardId=self._origin.shard_id, StartingPosition=self._next
        )["EventStream"]
        self._events = iter(self._stream)

    def _add(self, pushed: dict[str, Any]) -> None:
        self._received.extend(pushed["Records"])
        # The last event of a closed shard has child shards and, on AWS, no continuation.
        place = pushed.get("ContinuationSequenceNumber")
        self._has_ended = not place or bool(pushed.get("ChildShards"))
        if place:
            self._next = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": place}


def _is_about_the_shard(error: Exception) -> bool:
    # The same code also means that the consumer does not exist: then nothing can be read at all.
    message = str(error).partition(": ")[2]
    return error_code(error) == "ResourceNotFoundException" and message.startswith("Shard ")
