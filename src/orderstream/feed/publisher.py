"""Put announcements on the stream OrderChanges, those of one order strictly in their order."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from orderstream.client.put_records import PutError, StreamClient, record_error, record_size
from orderstream.client.queue import KeyOrderedQueue, QueuedRecord

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# What an invocation can have to announce, many times over: its memory bounds it, not the queue.
_MAX_BYTES = 1 << 40


class Announcement(msgspec.Struct, frozen=True):
    """What to announce of an order, as JSON."""

    order_id: str
    body: bytes


class _Record(QueuedRecord, kw_only=True, eq=False):
    body: bytes
    index: int


class Publisher:
    """Puts announcements on a stream. `clock` (seconds), `sleep` and `jitter` can be replaced."""

    def __init__(
        self,
        stream: str,
        kinesis: KinesisClient,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._stream = StreamClient(stream, kinesis)
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    def put(self, announcements: Sequence[Announcement], seconds_left: float) -> tuple[set[int], str]:
        """Put them on the stream; return the indices of those that are not on it, and why.

        An announcement is put only after the one of the same order before it. Throttled ones are tried again
        while the time lasts.
        """
        queue = KeyOrderedQueue[_Record](max_bytes=_MAX_BYTES, give_up_after=seconds_left)
        now = self._clock()
        for index, one in enumerate(announcements):
            size = record_size(one.body, one.order_id)
            queue.push(_Record(one.order_id, size, now, body=one.body, index=index))
        problem = ""
        while not queue.is_empty:
            batch = queue.take(self._clock())
            if not batch:
                retry_at = queue.next_retry()
                assert retry_at is not None
                self._sleep(max(0.0, retry_at - self._clock()))
                continue
            refused = self._put_batch(queue, batch)
            problem = refused[-1][1].reason if refused else problem
            draw = self._jitter()
            for record, error in refused:
                if not error.is_transient or queue.failed(record, self._clock(), draw):
                    # What is left must not overtake it: it is delivered again, from here on.
                    return {one.index for one in queue}, problem
        return set(), ""

    def _put_batch(
        self, queue: KeyOrderedQueue[_Record], batch: Sequence[_Record]
    ) -> list[tuple[_Record, PutError]]:
        """Put a batch, and return the records that were refused."""
        outcome = self._stream.put(
            [{"Data": record.body, "PartitionKey": record.partition_key} for record in batch]
        )
        if isinstance(outcome, PutError):
            return [(record, outcome) for record in batch]
        refused = []
        for record, result in zip(batch, outcome, strict=True):
            if "ErrorCode" in result:
                refused.append((record, record_error(result)))
            else:
                queue.done(record)
        return refused
