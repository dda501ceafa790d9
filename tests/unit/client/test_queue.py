"""The producer's queue: order for each partition key, batches, retries, giving up, the bound."""

from collections import defaultdict
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderstream.client.queue import (
    MAX_BATCH_BYTES,
    MAX_BATCH_RECORDS,
    RECORD_OVERHEAD_BYTES,
    KeyOrderedQueue,
    QueuedRecord,
)

KINESIS_BATCH_BYTES = 10 * 1024 * 1024
MIB = 1024 * 1024


def new_queue(max_bytes: int = 1024 * MIB, give_up_after: float = 60) -> KeyOrderedQueue[QueuedRecord]:
    return KeyOrderedQueue(max_bytes=max_bytes, give_up_after=give_up_after)


def pushed(queue: KeyOrderedQueue[QueuedRecord], key: str, *, size: int = 100, at: float = 0) -> QueuedRecord:
    record = QueuedRecord(key, size, at)
    queue.push(record)
    return record


def test_records_of_one_key_go_one_at_a_time_in_their_order() -> None:
    queue = new_queue()
    first, second = pushed(queue, "a"), pushed(queue, "a")
    assert queue.take(0) == [first]
    assert queue.take(0) == []
    queue.done(first)
    assert queue.take(0) == [second]


def test_a_key_that_waits_for_its_retry_does_not_hold_up_other_keys() -> None:
    queue = new_queue()
    slow, behind, other = pushed(queue, "a"), pushed(queue, "a"), pushed(queue, "b")
    assert queue.take(0) == [slow, other]
    assert queue.failed(slow, 0, draw=1) == []
    queue.done(other)
    another = pushed(queue, "b")
    assert queue.take(0) == [another]
    assert queue.next_retry() == 0.05
    assert queue.take(0.05) == [slow]
    queue.done(slow)
    assert queue.take(0.05) == [behind]


def test_retries_that_are_due_go_before_new_records() -> None:
    queue = new_queue()
    again = pushed(queue, "a")
    queue.take(0)
    queue.failed(again, 0, draw=1)
    new = pushed(queue, "b")
    assert queue.take(1) == [again, new]


def test_a_batch_has_at_most_500_records() -> None:
    queue = new_queue()
    for number in range(1200):
        pushed(queue, f"key {number}")
    assert [len(queue.take(0)) for _ in range(4)] == [500, 500, 200, 0]


def test_a_batch_stops_before_the_record_that_would_make_it_too_large() -> None:
    queue = new_queue()
    for number in range(7):
        pushed(queue, f"key {number}", size=MIB - 10)
    assert [len(queue.take(0)) for _ in range(2)] == [5, 2]
    for record in list(queue):
        queue.failed(record, 0, draw=0)
    assert [len(queue.take(0)) for _ in range(2)] == [5, 2]


@given(st.lists(st.integers(min_value=1, max_value=MIB), max_size=60), st.data())
def test_a_batch_never_passes_what_kinesis_takes(sizes: list[int], data: st.DataObject) -> None:
    queue = new_queue()
    for number, size in enumerate(sizes):
        pushed(queue, f"key {number}", size=size)
    now = 0.0
    while not queue.is_empty:
        batch = queue.take(now)
        assert len(batch) <= MAX_BATCH_RECORDS
        assert sum(record.size for record in batch) <= MAX_BATCH_BYTES <= KINESIS_BATCH_BYTES
        for record in batch:
            if record.attempts < 3 and data.draw(st.booleans()):
                queue.failed(record, now, draw=0.5)
            else:
                queue.done(record)
        now += 1


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 2)), max_size=40),
    st.randoms(use_true_random=False),
    st.sampled_from([0, 1, 5, 1000]),
)
def test_whatever_fails_every_record_leaves_once_and_its_key_stays_in_order(
    arrivals: list[tuple[str, float]], dice: Random, give_up_after: float
) -> None:
    queue = new_queue(give_up_after=give_up_after)
    now, arrived, left = 0.0, defaultdict(list), defaultdict(list)
    todo = arrivals[::-1]
    while todo or not queue.is_empty:
        while todo and dice.random() < 0.6:
            key, pause = todo.pop()
            now += pause
            arrived[key].append(pushed(queue, key, at=now))
        batch = queue.take(now)
        assert len({record.partition_key for record in batch}) == len(batch)
        now += dice.random() * 3
        decided = []
        for record in batch:
            if dice.random() < 0.4:
                decided += queue.failed(record, now, dice.random())
            else:
                decided.append(record)
        if dice.random() < 0.1:
            decided += queue.overdue(now)
        # Records may arrive between the decision and `done`, from another thread.
        if todo and dice.random() < 0.5:
            key, _ = todo.pop()
            arrived[key].append(pushed(queue, key, at=now))
        for record in decided:
            queue.done(record)
            left[record.partition_key].append(record)
        now = max(now, queue.next_retry() or now)
    assert left == arrived
    assert queue.buffered_bytes == 0
    assert list(queue) == []


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, MIB)), max_size=60))
def test_the_bound_holds_and_what_leaves_makes_room(arrivals: list[tuple[str, int]]) -> None:
    limit = 4 * MIB
    queue = new_queue(max_bytes=limit)
    for key, size in arrivals:
        while not queue.has_room(size):
            batch = queue.take(0)
            assert batch, "full, and nothing can go"
            for record in batch:
                queue.done(record)
        pushed(queue, key, size=size)
        assert queue.buffered_bytes <= limit
    assert queue.buffered_bytes == sum(record.size + RECORD_OVERHEAD_BYTES for record in queue)


def test_a_record_is_given_up_on_after_its_time_and_lets_the_next_go() -> None:
    queue = new_queue(give_up_after=10)
    first, second = pushed(queue, "a", at=0), pushed(queue, "a", at=8)
    assert queue.take(5) == [first]
    assert queue.failed(first, 14.9, draw=1) == []
    # Not later than the end of its time, however long the backoff: it gets a last attempt there.
    assert queue.next_retry() == pytest.approx(14.95)
    assert queue.take(15) == [first]
    assert queue.failed(first, 15, draw=1) == [first]
    queue.done(first)
    assert queue.take(15) == [second]


def test_records_that_waited_as_long_behind_it_are_given_up_on_with_it() -> None:
    queue = new_queue(give_up_after=10)
    lost = [pushed(queue, "a", at=moment) for moment in (0, 1, 4)]
    young = pushed(queue, "a", at=6)
    assert queue.take(5) == lost[:1]
    assert queue.failed(lost[0], 15, draw=1) == lost
    for record in lost:
        queue.done(record)
    assert queue.take(15) == [young]
    # Its time has been running since it was accepted: a queue of such records ends with an outage.
    assert queue.failed(young, 16, draw=1) == [young]


def test_a_record_that_comes_while_its_key_is_given_up_on_goes_after_that() -> None:
    queue = new_queue(give_up_after=10)
    lost = [pushed(queue, "a"), pushed(queue, "a")]
    queue.take(0)
    assert queue.failed(lost[0], 10, draw=1) == lost
    late = pushed(queue, "a", at=10)
    assert queue.take(10) == []
    for record in lost:
        queue.done(record)
    assert queue.take(10) == [late]


def test_in_an_outage_all_that_waited_too_long_is_overdue_tried_or_not() -> None:
    queue = new_queue(give_up_after=10)
    tried = pushed(queue, "a", at=0)
    assert queue.take(0) == [tried]
    assert queue.failed(tried, 9, draw=1) == []
    untried = [pushed(queue, "b", at=1), pushed(queue, "b", at=2), pushed(queue, "c", at=3)]
    young = [pushed(queue, "c", at=8), pushed(queue, "d", at=9)]
    lost = queue.overdue(13)
    assert set(lost) == {tried, *untried}
    for record in lost:
        queue.done(record)
    assert set(queue) == set(young)
    assert set(queue.take(13)) == set(young)


def test_a_cleared_queue_is_empty_and_its_records_are_done() -> None:
    queue = new_queue()
    records = [pushed(queue, key) for key in "aabbc"]
    queue.failed(queue.take(0)[0], 0, draw=1)
    queue.clear()
    assert queue.is_empty
    assert queue.buffered_bytes == 0
    assert all(record.is_done for record in records)
