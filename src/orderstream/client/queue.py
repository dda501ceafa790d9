"""A bounded queue of records to send, ordered by partition key and taken in batches. No I/O.

Kinesis does not guarantee the order of records within a PutRecords call, and rejects them individually. So
only the oldest record of each partition key, its head, may be sent. The others wait in a linked list behind
it until it has an outcome. Heads are in one of three places: ready, waiting for a retry, or in flight.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from typing import Generic, Self, TypeVar

import msgspec

from orderstream.sdk.retries import backoff

# Kinesis accepts 500 records and 10 MiB per call. The limit was 5 MiB for many years, and the local cloud
# still rejects more; larger calls would gain nothing.
MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 5 * 1024 * 1024

# Python's overhead for a queued record besides its data, mostly its Future: without it, small orders would
# take thirty times the configured memory.
RECORD_OVERHEAD_BYTES = 2048


class QueuedRecord(msgspec.Struct, eq=False, gc=False):
    """One record in the queue. `size` is what Kinesis counts: the bytes of data and partition key."""

    # Not tracked by the garbage collector: tens of thousands are queued, and a record that leaves the queue
    # has no references to others.

    partition_key: str
    size: int
    accepted_at: float
    attempts: int = 0
    # The start of its `give_up_after`.
    trying_since: float | None = None
    next: Self | None = None
    is_done: bool = False


R = TypeVar("R", bound=QueuedRecord)


class KeyOrderedQueue(Generic[R]):
    """The queue. Every record pushed leaves by `done`, exactly once; times are in seconds of one clock.

    A failed record is retried until `give_up_after` seconds after its first attempt. Records behind it that
    have waited that long by then fail with it; otherwise an outage would take `give_up_after` for each of
    them in turn.
    """

    def __init__(self, *, max_bytes: int, give_up_after: float) -> None:
        self._max_bytes = max_bytes
        self._give_up_after = give_up_after
        self._bytes = 0
        self._ready: deque[R] = deque()
        self._delayed: list[tuple[float, int, R]] = []
        self._delays = 0
        self._in_flight: set[R] = set()
        self._last: dict[str, R] = {}

    @property
    def buffered_bytes(self) -> int:
        """The estimated memory of all records without an outcome, in bytes."""
        return self._bytes

    @property
    def is_empty(self) -> bool:
        """Whether every record has an outcome."""
        return not (self._ready or self._delayed or self._in_flight)

    def has_room(self, size: int) -> bool:
        """Whether a record of `size` bytes may be pushed."""
        return self._bytes + size + RECORD_OVERHEAD_BYTES <= self._max_bytes

    def push(self, record: R) -> None:
        """Append a record to those of its partition key. The caller must have checked `has_room`."""
        last = self._last.get(record.partition_key)
        if last is None:
            self._ready.append(record)
        else:
            last.next = record
        self._last[record.partition_key] = record
        self._bytes += record.size + RECORD_OVERHEAD_BYTES

    def take(self, now: float) -> list[R]:
        """Take the next batch, due retries first; empty if nothing may be sent at `now`."""
        batch: list[R] = []
        room = MAX_BATCH_BYTES
        while self._delayed and self._delayed[0][0] <= now and len(batch) < MAX_BATCH_RECORDS:
            if self._delayed[0][2].size > room:
                break
            batch.append(heapq.heappop(self._delayed)[2])
            room -= batch[-1].size
        while self._ready and self._ready[0].size <= room and len(batch) < MAX_BATCH_RECORDS:
            batch.append(self._ready.popleft())
            room -= batch[-1].size
        for record in batch:
            record.attempts += 1
            if record.trying_since is None:
                record.trying_since = now
        self._in_flight.update(batch)
        return batch

    def next_retry(self) -> float | None:
        """When the next retry is due, or None if no record waits for one."""
        return self._delayed[0][0] if self._delayed else None

    def failed(self, record: R, now: float, draw: float) -> list[R]:
        """Handle a failed record in flight: schedule its retry, or return it and those that fail with it."""
        assert record.trying_since is not None
        if self._is_late(record.trying_since, now):
            return self._abandon(record, now)
        self._in_flight.remove(record)
        deadline = record.trying_since + self._give_up_after
        self._delay(record, min(now + backoff(record.attempts, draw), deadline))
        return []

    def _delay(self, record: R, due: float) -> None:
        # The number breaks ties between records that are due at the same time: records are not comparable.
        self._delays += 1
        heapq.heappush(self._delayed, (due, self._delays, record))

    def overdue(self, now: float) -> list[R]:
        """The records that fail if no call has succeeded for `give_up_after`: those that waited that long."""
        late: list[R] = []
        for _ in range(len(self._ready)):
            record = self._ready.popleft()
            if self._is_late(record.accepted_at, now):
                late += self._abandon(record, now)
            else:
                self._ready.append(record)
        delayed, self._delayed = self._delayed, []
        for due, _, record in delayed:
            if self._is_late(record.accepted_at, now):
                late += self._abandon(record, now)
            else:
                self._delay(record, due)
        return late

    def _is_late(self, since: float, now: float) -> bool:
        return since + self._give_up_after <= now

    def _abandon(self, record: R, now: float) -> list[R]:
        """`record` and its followers that waited as long; all count as in flight until they are `done`."""
        lost = [record]
        follower = record.next
        while follower is not None and self._is_late(follower.accepted_at, now):
            lost.append(follower)
            follower.next, follower = None, follower.next
        record.next = follower
        if follower is not None:
            follower.trying_since = follower.accepted_at
        self._in_flight.update(lost)
        return lost

    def done(self, record: R) -> None:
        """Remove a record in flight that has an outcome, and make the next of its partition key ready."""
        self._in_flight.remove(record)
        self._bytes -= record.size + RECORD_OVERHEAD_BYTES
        record.is_done = True
        follower, record.next = record.next, None
        if follower is not None:
            self._ready.append(follower)
        elif self._last.get(record.partition_key) is record:
            del self._last[record.partition_key]

    def clear(self) -> None:
        """Remove every record: all have an outcome."""
        for record in list(self):
            record.is_done = True
            record.next = None
        self._ready.clear()
        self._delayed.clear()
        self._in_flight.clear()
        self._last.clear()
        self._bytes = 0

    def __iter__(self) -> Iterator[R]:
        """Every record without an outcome; those of one partition key from oldest to newest."""
        for head in [*self._in_flight, *(entry[2] for entry in self._delayed), *self._ready]:
            record: R | None = head
            while record is not None:
                yield record
                record = record.next
