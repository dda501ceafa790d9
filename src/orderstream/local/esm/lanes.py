"""Decides what happens to a lane's records: batches, retries, splits, ages and the checkpoint, as on AWS.

A lane is an ordered queue with at most one concurrent invocation; a shard has as many lanes as the mapping's
ParallelizationFactor. Everything here is a value or a pure function: no clock, no calls.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from orderstream.aws.kinesis_event import EventRecord, event_size
from orderstream.local.esm.outcomes import Delivered, Failed, NotInvoked, Outcome, PartialFailure

MAX_EVENT_BYTES = 6 * 1024 * 1024
READ_AHEAD_BATCHES = 2

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of a mapping that affect records, with AWS's defaults. -1 means unlimited."""

    batch_size: int = 100
    window_seconds: float = 0
    parallelization_factor: int = 1
    max_retries: int = -1
    max_age_seconds: float = -1
    bisect: bool = False
    reports_failures: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one invocation, in shard order.

    With the same first record, `failures` counts the failed invocations that used up a retry, `invocations`
    all that ran, and `refusals` the consecutive ones that never reached the function.
    """

    records: tuple[EventRecord, ...]
    failures: int = 0
    invocations: int = 0
    refusals: int = 0


@dataclass(frozen=True, slots=True)
class Lane:
    """Batches to send, first one next, and the records after them that are not in a batch yet."""

    batches: tuple[Batch, ...] = ()
    waiting: tuple[EventRecord, ...] = ()

    @property
    def first(self) -> EventRecord | None:
        """The earliest record that is not done."""
        if self.batches:
            return self.batches[0].records[0]
        return self.waiting[0] if self.waiting else None


@dataclass(frozen=True, slots=True)
class Discarded:
    """Records that are not retried any more and go to the on-failure destination."""

    records: tuple[EventRecord, ...]
    condition: Condition
    invocations: int
    function_error: str | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """What happens to a batch: what is retried in its place, what is discarded; the rest is done.

    `pause` is the number of consecutive failures, for `mapping_delay`; 0 means continue immediately.
    """

    again: tuple[Batch, ...] = ()
    discarded: Discarded | None = None
    pause: int = 0


def lane_of(partition_key: str, lanes: int) -> int:
    """The number of the lane, from 0, that takes all records of `partition_key`."""
    digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "big") % lanes


def lane_for(record: EventRecord, lanes: int) -> int:
    """The number of the lane for `record`. Records without a key have no order, so any lane will do."""
    return lane_of(record.partition_key or record.sequence_number, lanes)


def append(lane: Lane, records: Iterable[EventRecord]) -> Lane:
    """`lane` with `records`, which follow all of its own, appended."""
    return replace(lane, waiting=(*lane.waiting, *records))


def form_batch(lane: Lane, rules: Rules, now: float) -> Lane:
    """`lane` with a batch to send if one is ready at `now` (monotonic seconds), else as it was."""
    if lane.batches or not lane.waiting:
        return lane
    count = _fitting(lane.waiting, rules)
    full = count == rules.batch_size or count < len(lane.waiting)
    if not full and now < window_end(lane, rules):
        return lane
    return Lane((Batch(lane.waiting[:count]),), lane.waiting[count:])


def window_end(lane: Lane, rules: Rules) -> float:
    """When (monotonic seconds) a batch is ready even if no further record comes; needs a waiting record."""
    return lane.waiting[0].read_at + rules.window_seconds


def _fitting(waiting: Sequence[EventRecord], rules: Rules) -> int:
    entry_bytes = 0
    for count, record in enumerate(waiting[: rules.batch_size]):
        entry_bytes += len(record.json)
        # A record that is too large by itself is sent anyway: Lambda rejects it.
        if count and event_size(count + 1, entry_bytes) > MAX_EVENT_BYTES:
            return count
    return min(len(waiting), rules.batch_size)


def free_capacity(lanes: Sequence[Lane], rules: Rules) -> int:
    """How many more records may be read into the lanes of a shard: two batches a lane wait at most."""
    batches = READ_AHEAD_BATCHES * rules.parallelization_factor
    if sum(len(record.json) for lane in lanes for record in lane.waiting) >= batches * MAX_EVENT_BYTES:
        return 0
    return max(0, batches * rules.batch_size - sum(len(lane.waiting) for lane in lanes))


def replace_head(lane: Lane, again: tuple[Batch, ...]) -> Lane:
    """`lane` with `again` in place of its first batch."""
    return replace(lane, batches=(*again, *lane.batches[1:]))


def expire(batch: Batch, rules: Rules, now: float) -> Transition | None:
    """What happens to `batch` if it has records too old at `now` (seconds since the epoch), else None."""
    if rules.max_age_seconds < 0:
        return None
    old = tuple(r for r in batch.records if now - r.arrived_at > rules.max_age_seconds)
    if not old:
        return None
    young = tuple(r for r in batch.records if now - r.arrived_at <= rules.max_age_seconds)
    same_first = bool(young) and young[0] is batch.records[0]
    rest = replace(batch, records=young, failures=batch.failures if same_first else 0)
    return Transition(
        again=(rest,) if young else (),
        discarded=Discarded(old, "RecordAgeExceeded", batch.invocations),
    )


def apply_outcome(batch: Batch, outcome: Outcome, rules: Rules) -> Transition:
    """What happens to `batch`, the first of its lane, after an invocation with `outcome`."""
    if isinstance(outcome, Delivered):
        return Transition()
    if isinstance(outcome, NotInvoked):
        refused = replace(batch, refusals=batch.refusals + 1)
        return Transition(again=(refused,), pause=refused.refusals)
    ran = replace(batch, invocations=batch.invocations + 1, refusals=0)
    if isinstance(outcome, Failed):
        if rules.bisect and len(ran.records) > 1:
            return Transition(again=_halves(ran))
        return _use_retry(ran, rules, function_error="Unhandled")
    if outcome.index > 0:
        # AWS does not document whether progress resets the retries. Here it does: each record that becomes
        # the first has all of them. As the first record advances, this terminates.
        ran = replace(ran, records=ran.records[outcome.index :], failures=0)
        if rules.bisect:
            # This is the split, at the reported sequence number.
            return Transition(again=(ran,))
    return _use_retry(ran, rules, function_error=None)


def unprocessed_of(batch: Batch, outcome: Outcome) -> int:
    """How many records of `batch` an invocation with `outcome` left unprocessed."""
    if isinstance(outcome, Delivered):
        return 0
    return len(batch.records) - (outcome.index if isinstance(outcome, PartialFailure) else 0)


def _halves(batch: Batch) -> tuple[Batch, Batch]:
    middle = len(batch.records) // 2
    return (
        replace(batch, records=batch.records[:middle]),
        replace(batch, records=batch.records[middle:], failures=0),
    )


def _use_retry(batch: Batch, rules: Rules, function_error: str | None) -> Transition:
    batch = replace(batch, failures=batch.failures + 1)
    if not 0 <= rules.max_retries < batch.failures:
        return Transition(again=(batch,), pause=batch.failures)
    # AWS discards "the batch". With bisect, which exists to isolate a bad record, we discard only the record
    # that the function reported, and the rest continues with fresh retries: fewer records need to be
    # replayed. (A batch that failed as a whole was already split down to one record.)
    count = 1 if rules.bisect else len(batch.records)
    rest = replace(batch, records=batch.records[count:], failures=0)
    return Transition(
        again=(rest,) if rest.records else (),
        discarded=Discarded(
            batch.records[:count], "RetryAttemptsExhausted", batch.invocations, function_error
        ),
    )


def checkpoint(lanes: Iterable[Lane], last_read: str | None) -> str | None:
    """The highest sequence number of a shard up to which every record is done; None if there is none.

    `lanes` are all of the shard's, `last_read` is the last sequence number read into them (at the start: the
    checkpoint to resume from).
    """
    failed = [lane.first for lane in lanes if lane.first]
    if not failed:
        return last_read
    return min(failed, key=lambda record: int(record.sequence_number)).before
