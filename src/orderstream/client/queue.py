"""Records that wait to be sent: bounded, in order for each partition key, cut into batches. No I/O.

Kinesis promises no order between the records of one PutRecords call, and refuses them one by one. So
of each partition key only the oldest record, its head, may go; the others wait in a chain behind it,
until it has its fate. Heads are in one of three places: ready, waiting for their retry, or in flight.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from typing import Generic, Self, TypeVar

import msgspec

# Kinesis takes 500 records and 10 MiB a call. It was 5 MiB for many years, and the laptop's cloud still
# refuses more; so large a call gains nothing from being larger.
MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 5 * 1024 * 1024

# What Python needs for a waiting record besides its data, its Future above all: small orders would
# otherwise take thirty times the memory that was allowed.
RECORD_OVERHEAD_BYTES = 2048

_BACKOFF_BASE_SECONDS = 0.05
_BACKOFF_CAP_SECONDS = 5.0


def backoff_seconds(attempts: int, draw: float) -> float:
    """The wait after the `attempts`-th failure: `draw` (0 to 1) of a span that doubles (full jitter)."""
    # The exponent is bounded because the power is an integer before it is a float.
    return draw * min(_BACKOFF_CAP_SECONDS, _BACKOFF_BASE_SECONDS * 2.0 ** min(attempts - 1, 32))


class QueuedRecord(msgspec.Struct, eq=False, gc=False):
    """One record in the queue. `size` is what Kinesis counts: bytes of data and partition key."""

    # Not for Python's collector: tens of thousands wait, each leaves the queue, and with that all
    # references among them end.

    partition_key: str
    size: int
    accepted_at: float
    attempts: int = 0
    # When the time after which it is given up on began to run.
    trying_since: float | None = None
    next: Self | None = None
    is_done: bool = False


R = TypeVar("R", bound=QueuedRecord)


class KeyOrderedQueue(Generic[R]):
    """The queue. Every record pushed leaves by `done`, exactly once; times are seconds of one clock.

    A record that fails is tried again until `give_up_after` seconds after its first attempt. Records
    behind it that have then waited that long themselves are given up on with it, or else an outage would
    cost `give_up_after` for each of them in turn.
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
        """The memory that all records without a fate are reckoned to take."""
        return self._bytes

    @property
    def is_empty(self) -> bool:
        """Whether every record has its fate."""
        return not (self._ready or self._delayed or self._in_flight)

    def has_room(self, size: int) -> bool:
        """Whether a record of `size` bytes may be pushed."""
        return self._bytes + size + RECORD_OVERHEAD_BYTES <= self._max_bytes

    def push(self, record: R) -> None:
        """Put a record behind all of its partition key. The caller has made sure that there is room."""
        last = self._last.get(record.partition_key)
        if last is None:
            self._ready.append(record)
        else:
            last.next = record
        self._last[record.partition_key] = record
        self._bytes += record.size + RECORD_OVERHEAD_BYTES

    def take(self, now: float) -> list[R]:
        """The next batch, retries that are due first; empty when nothing may go at `now`."""
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
        """When the next retry is due, None when no record waits for one."""
        return self._delayed[0][0] if self._delayed else None

    def failed(self, record: R, now: float, draw: float) -> list[R]:
        """A record in flight failed: queue its retry, or return it and those to be given up on with it."""
        assert record.trying_since is not None
        if self._is_late(record.trying_since, now):
            return self._given_up(record, now)
        self._in_flight.remove(record)
        deadline = record.trying_since + self._give_up_after
        self._delay(record, min(now + backoff_seconds(record.attempts, draw), deadline))
        return []

    def _delay(self, record: R, due: float) -> None:
        # The number decides between records that are due at the same moment: they cannot be compared.
        self._delays += 1
        heapq.heappush(self._delayed, (due, self._delays, record))

    def overdue(self, now: float) -> list[R]:
        """All to give up on when no call went through for `give_up_after`: what has waited so long."""
        late: list[R] = []
        for _ in range(len(self._ready)):
            record = self._ready.popleft()
            if self._is_late(record.accepted_at, now):
                late += self._given_up(record, now)
            else:
                self._ready.append(record)
        delayed, self._delayed = self._delayed, []
        for due, _, record in delayed:
            if self._is_late(record.accepted_at, now):
                late += self._given_up(record, now)
            else:
                self._delay(record, due)
        return late

    def _is_late(self, since: float, now: float) -> bool:
        return since + self._give_up_after <= now

    def _given_up(self, record: R, now: float) -> list[R]:
        """`record` and its followers that have waited as long, all as if in flight until they are `done`."""
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
        """A record in flight has its fate: forget it, and let the next of its partition key go."""
        self._in_flight.remove(record)
        self._bytes -= record.size + RECORD_OVERHEAD_BYTES
        record.is_done = True
        follower, record.next = record.next, None
        if follower is not None:
            self._ready.append(follower)
        elif self._last.get(record.partition_key) is record:
            del self._last[record.partition_key]

    def clear(self) -> None:
        """Forget every record: all have their fate."""
        for record in list(self):
            record.is_done = True
            record.next = None
        self._ready.clear()
        self._delayed.clear()
        self._in_flight.clear()
        self._last.clear()
        self._bytes = 0

    def __iter__(self) -> Iterator[R]:
        """Every record without a fate; of one partition key the older first."""
        for head in [*self._in_flight, *(entry[2] for entry in self._delayed), *self._ready]:
            record: R | None = head
            while record is not None:
                yield record
                record = record.next
