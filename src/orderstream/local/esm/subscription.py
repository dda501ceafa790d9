"""Takes what Kinesis pushes of a shard to a registered consumer (enhanced fan-out), from where it was left.

A subscription ends after five minutes, or with its connection: the next `read` subscribes again, behind the
last event. MiniStack looks for new records five times a second, AWS pushes them at once.
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
from orderstream.local.esm.transient_errors import error_code

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import RecordTypeDef, StartingPositionTypeDef

# How long a `read` waits for something; a stop waits as long.
WAIT_SECONDS = 0.5


@dataclass(eq=False)
class _Push:
    """What a subscription has brought so far. `unwanted` tells its thread to leave."""

    records: deque[RecordTypeDef] = field(default_factory=deque)
    shard_ended: bool = False
    over: bool = False
    error: Exception | None = None
    unwanted: bool = False


class Subscription:
    """A place in a shard, moved on by `read`; the events come in on a thread of their own."""

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
        # Guards the push and where the next one starts; whoever changes them notifies.
        self._changed = threading.Condition()

    def read(self, limit: int, now: float, *, expiring: bool) -> RecordsPage:
        """Up to `limit` further records; none if half a second brings none.

        `now` is in seconds of the monotonic clock. Errors of the SDK come through, and the next call goes on
        from the same place.
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
        """`read` waits by itself."""
        return 0.0

    def renew(self) -> None:
        """Sequence numbers grow over all shards: the subscription goes on with the new one."""

    def close(self) -> None:
        """Let the subscription go; its thread leaves with the next event, five seconds later at most."""
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
            # What broke the connection, as the other calls of the SDK have it.
            push.error = HTTPClientError(error=error)
        except Exception as error:
            push.error = error
        finally:
            events.close()
            with self._changed:
                push.over = True
                self._changed.notify_all()

    def _add(self, event: dict[str, Any] | None, push: _Push) -> bool:
        """Keep what an event has; False when no further one is wanted."""
        with self._changed:
            self._changed.wait_for(lambda: len(push.records) < MOST_A_CALL or push.unwanted)
            if push.unwanted:
                return False
            if event is not None:
                push.records.extend(event["Records"])
                # The last event of a closed shard has children and, on AWS, nowhere to go on.
                place = event.get("ContinuationSequenceNumber")
                push.shard_ended = push.shard_ended or not place or bool(event.get("ChildShards"))
                if place:
                    self._next = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": place}
            self._changed.notify_all()
        return True


def _is_about_the_shard(error: ClientError) -> bool:
    # The same code says that there is no such consumer: then nothing can be read at all.
    return error_code(error) == "ResourceNotFoundException" and str(
        error.response["Error"].get("Message")
    ).startswith("Shard ")
