"""Receives a shard's records by enhanced fan-out, as a registered consumer, from where it stopped.

A subscription ends after five minutes, or with its connection: the next `read` subscribes again, after the
last event. MiniStack polls for new records five times a second; AWS pushes them immediately.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from urllib3.exceptions import HTTPError

from orderstream.aws.kinesis_event import EventOrigin
from orderstream.local.esm.shard_reader import MOST_A_CALL, RecordsPage, to_records
from orderstream.local.esm.shards import Position
from orderstream.sdk.errors import error_code

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import RecordTypeDef, StartingPositionTypeDef

# How long a `read` waits for records, and so how long a stop can take.
WAIT_SECONDS = 0.5


@dataclass(eq=False)
class _Push:
    """What a subscription has received so far. `unwanted` tells its thread to exit."""

    records: deque[RecordTypeDef] = field(default_factory=deque)
    shard_ended: bool = False
    over: bool = False
    error: Exception | None = None
    unwanted: bool = False


class Subscription:
    """A position in a shard, advanced by `read`; a separate thread receives the events."""

    def __init__(
        self, kinesis: KinesisClient, origin: EventOrigin, consumer_arn: str, start: Position
    ) -> None:
        self._kinesis = kinesis
        self._origin = origin
        self._consumer_arn = consumer_arn
        self._last_read = start.sequence_number
        self._next: StartingPositionTypeDef = {"Type": start.kind}
        if start.sequence_number is not None:
            self._next["SequenceNumber"] = start.sequence_number
        self._push = _Push(over=True)
        # Guards the push and where the next one starts; every change of them notifies.
        self._changed = threading.Condition()

    def read(self, limit: int, now: float, *, expiring: bool) -> RecordsPage:
        """Return up to `limit` further records; none if none arrive within half a second.

        `now` is in seconds of the monotonic clock. SDK errors propagate; the next call continues from the
        same position.
        """
        if self._push.over and not self._push.records:
            if self._push.error:
                met, self._push.error = self._push.error, None
                raise met
            if self._push.shard_ended:
                return RecordsPage(closed=True, vanished=True)
            try:
                self._subscribe()
            except ClientError as error:
                if _is_about_the_shard(error):
                    return RecordsPage(closed=True, vanished=True)
                raise
        with self._changed:
            self._changed.wait_for(lambda: self._push.records or self._push.over, WAIT_SECONDS)
            count = min(limit, len(self._push.records))
            records = [self._push.records.popleft() for _ in range(count)]
            self._changed.notify_all()
        page = RecordsPage(tuple(to_records(self._origin, records, self._last_read, now)))
        if page.records:
            self._last_read = page.records[-1].sequence_number
        return page

    def pause(self, page: RecordsPage, limit: int, before: float, floor: float) -> float:
        """Return 0: `read` itself waits."""
        return 0.0

    def renew(self) -> None:
        """Continue with the new shard, since sequence numbers increase across shards."""

    def close(self) -> None:
        """Abandon the subscription; its thread exits at the next event, within five seconds."""
        with self._changed:
            self._push.unwanted = True
            self._changed.notify_all()

    def _subscribe(self) -> None:
        events = self._kinesis.subscribe_to_shard(
            ConsumerARN=self._consumer_arn, ShardId=self._origin.shard_id, StartingPosition=self._next
        )["EventStream"]
        self._push = _Push()
        name = f"{self._origin.shard_id} subscription"
        threading.Thread(target=self._take_in, args=(events, self._push), name=name, daemon=True).start()

    def _take_in(self, events: Any, push: _Push) -> None:
        try:
            for event in events:
                if not self._add(event.get("SubscribeToShardEvent"), push):
                    return
        except (BotoCoreError, ClientError) as error:
            push.error = error
        except HTTPError as error:
            # Wrap the connection error in the type that other SDK calls raise.
            push.error = HTTPClientError(error=error)
        except Exception as error:
            push.error = error
        finally:
            events.close()
            with self._changed:
                push.over = True
                self._changed.notify_all()

    def _add(self, event: dict[str, Any] | None, push: _Push) -> bool:
        """Store an event's records; False if no further events are wanted."""
        with self._changed:
            self._changed.wait_for(lambda: len(push.records) < MOST_A_CALL or push.unwanted)
            if push.unwanted:
                return False
            if event is not None:
                push.records.extend(event["Records"])
                # The last event of a closed shard has child shards and, on AWS, no continuation.
                place = event.get("ContinuationSequenceNumber")
                push.shard_ended = push.shard_ended or not place or bool(event.get("ChildShards"))
                if place:
                    self._next = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": place}
            self._changed.notify_all()
        return True


def _is_about_the_shard(error: ClientError) -> bool:
    # The same code also means that the consumer does not exist: then nothing can be read at all.
    return error_code(error) == "ResourceNotFoundException" and str(
        error.response["Error"].get("Message")
    ).startswith("Shard ")
