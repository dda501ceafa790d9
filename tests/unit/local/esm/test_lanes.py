"""A lane does with its records what AWS's event source mapping does: batches, retries, splits, ages."""

from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderstream.aws.kinesis_event import EventRecord, event_of
from orderstream.local.esm.lanes import (
    MAX_EVENT_BYTES,
    Batch,
    Lane,
    Rules,
    Transition,
    append,
    apply_outcome,
    checkpoint,
    expire,
    form_batch,
    free_capacity,
    lane_for,
    lane_of,
    replace_head,
)
from orderstream.local.esm.outcomes import Delivered, Failed, NotInvoked, Outcome, PartialFailure


def record(
    number: int, *, key: str = "key", arrived_at: float = 0.0, read_at: float = 0.0, size: int = 100
) -> EventRecord:
    before = str(number - 1) if number > 1 else None
    return EventRecord(str(number), key, arrived_at, read_at, before, b"x" * size)


def records(*numbers: int) -> tuple[EventRecord, ...]:
    return tuple(record(number) for number in numbers)


def batch(*numbers: int) -> Batch:
    return Batch(records(*numbers))


def numbers(of: tuple[EventRecord, ...]) -> list[int]:
    return [int(r.sequence_number) for r in of]


def again(settled: Transition) -> list[list[int]]:
    return [numbers(b.records) for b in settled.again]


def given_up(settled: Transition) -> list[int]:
    return numbers(settled.discarded.records) if settled.discarded else []


def next_batch(lane: Lane, rules: Rules, now: float = 0.0) -> list[int]:
    formed = form_batch(lane, rules, now)
    return numbers(formed.batches[0].records) if formed.batches else []


# Batches


def test_a_batch_has_at_most_batch_size_records() -> None:
    lane = form_batch(Lane(waiting=records(1, 2, 3, 4, 5)), Rules(batch_size=3), now=0)
    assert numbers(lane.batches[0].records) == [1, 2, 3]
    assert numbers(lane.waiting) == [4, 5]


def test_without_a_window_any_record_makes_a_batch_at_once() -> None:
    assert next_batch(Lane(waiting=records(1)), Rules()) == [1]
    assert next_batch(Lane(), Rules()) == []


def test_a_window_runs_from_when_the_first_record_was_read() -> None:
    lane = Lane(waiting=(record(1, read_at=100), record(2, read_at=109)))
    rules = Rules(window_seconds=10)
    assert next_batch(lane, rules, now=109.9) == []
    assert next_batch(lane, rules, now=110) == [1, 2]


def test_a_full_batch_does_not_wait_for_the_window() -> None:
    assert next_batch(Lane(waiting=records(1, 2)), Rules(batch_size=2, window_seconds=300)) == [1, 2]


def test_an_event_stays_within_six_megabytes() -> None:
    waiting = tuple(record(number, size=1_000_000) for number in range(1, 10))
    rules = Rules(window_seconds=300)
    lane = form_batch(Lane(waiting=waiting), rules, now=0)
    assert numbers(lane.batches[0].records) == [1, 2, 3, 4, 5, 6]
    assert len(event_of(lane.batches[0].records)) <= MAX_EVENT_BYTES


@pytest.mark.parametrize(("spare", "taken"), [(0, [1, 2]), (-1, [1])])
def test_the_size_counts_every_byte_of_the_event(spare: int, taken: list[int]) -> None:
    room_for_two = MAX_EVENT_BYTES - len(event_of((record(1, size=0), record(2, size=0))))
    second = room_for_two - 100 - spare
    assert next_batch(Lane(waiting=(record(1), record(2, size=second))), Rules()) == taken


def test_a_record_that_is_too_large_goes_alone() -> None:
    assert next_batch(Lane(waiting=(record(1, size=MAX_EVENT_BYTES), record(2))), Rules()) == [1]


def test_nothing_new_is_sent_while_a_batch_comes_again() -> None:
    lane = Lane((batch(1, 2),), records(3, 4))
    assert next_batch(lane, Rules()) == [1, 2]


def test_a_partition_key_has_one_lane_and_lanes_share_the_keys() -> None:
    of_key = {f"customer-{n}": lane_of(f"customer-{n}", 4) for n in range(400)}
    assert of_key == {key: lane_of(key, 4) for key in of_key}
    assert {n: 60 < list(of_key.values()).count(n) < 140 for n in range(4)} == dict.fromkeys(range(4), True)


def test_reading_stops_when_two_batches_a_lane_wait() -> None:
    rules = Rules(batch_size=10, parallelization_factor=2)
    assert free_capacity([Lane(), Lane()], rules) == 40
    assert free_capacity([Lane(waiting=records(*range(1, 31))), Lane()], rules) == 10
    assert (
        free_capacity([Lane(waiting=records(*range(1, 31))), Lane(waiting=records(*range(31, 51)))], rules)
        == 0
    )


def test_reading_stops_when_two_batches_a_lane_wait_in_bytes() -> None:
    waiting = tuple(record(number, size=1 << 20) for number in range(1, 13))
    assert free_capacity([Lane(waiting=waiting)], Rules()) == 0
    assert free_capacity([Lane(waiting=waiting[1:])], Rules()) > 0


# Outcomes


def test_a_partial_failure_brings_the_reported_record_and_all_after_it_again() -> None:
    settled = apply_outcome(batch(1, 2, 3, 4), PartialFailure(2), Rules())
    assert again(settled) == [[3, 4]]
    assert settled.pause == 1


def test_a_partial_failure_is_a_split_at_the_returned_number_when_bisect_is_on() -> None:
    settled = apply_outcome(batch(1, 2, 3, 4), PartialFailure(2), Rules(bisect=True, max_retries=0))
    assert again(settled) == [[3, 4]]
    assert settled.again[0].failures == 0
    assert settled.pause == 0


def test_a_failed_batch_is_halved_and_the_first_half_comes_first() -> None:
    rules = Rules(bisect=True, max_retries=0)
    settled = apply_outcome(batch(1, 2, 3, 4, 5), Failed(), rules)
    assert again(settled) == [[1, 2], [3, 4, 5]]
    assert given_up(settled) == []
    lane = replace_head(Lane((batch(1, 2, 3, 4, 5),), records(6)), settled.again)
    assert next_batch(lane, rules) == [1, 2]
    assert next_batch(replace_head(lane, ()), rules) == [3, 4, 5]


def test_a_failed_batch_comes_again_whole_without_bisect() -> None:
    assert again(apply_outcome(batch(1, 2, 3), Failed(), Rules())) == [[1, 2, 3]]


def test_splits_use_up_no_retries() -> None:
    one_left = apply_outcome(
        apply_outcome(batch(1, 2), Failed(), Rules(bisect=True)).again[0], Failed(), Rules(bisect=True)
    )
    assert [b.failures for b in one_left.again] == [1]


@pytest.mark.parametrize("outcome", [Failed(), PartialFailure(0)])
@pytest.mark.parametrize("bisect", [True, False])
def test_two_retries_are_three_invocations(outcome: Outcome, bisect: bool) -> None:
    rules = Rules(max_retries=2, bisect=bisect)
    todo, sent = batch(1), 0
    while True:
        sent += 1
        settled = apply_outcome(todo, outcome, rules)
        if settled.discarded:
            break
        (todo,) = settled.again
    assert sent == 3
    assert settled.discarded.condition == "RetryAttemptsExhausted"
    assert settled.discarded.invocations == 3


def test_without_bisect_the_invocation_that_first_reported_a_record_counts() -> None:
    rules = Rules(max_retries=2)
    first = apply_outcome(batch(1, 2, 3), PartialFailure(1), rules)
    second = apply_outcome(first.again[0], PartialFailure(0), rules)
    assert given_up(apply_outcome(second.again[0], PartialFailure(0), rules)) == [2, 3]


def test_progress_gives_the_retries_back() -> None:
    rules = Rules(max_retries=1)
    first = apply_outcome(batch(1, 2, 3), PartialFailure(1), rules)
    second = apply_outcome(first.again[0], PartialFailure(1), rules)
    assert (again(second), given_up(second)) == ([[3]], [])


def test_without_bisect_what_is_left_of_the_batch_is_given_up() -> None:
    settled = apply_outcome(batch(1, 2, 3), PartialFailure(0), Rules(max_retries=0))
    assert (again(settled), given_up(settled)) == ([], [1, 2, 3])


def test_with_bisect_only_the_reported_record_is_given_up() -> None:
    settled = apply_outcome(batch(1, 2, 3), PartialFailure(0), Rules(max_retries=0, bisect=True))
    assert (again(settled), given_up(settled)) == ([[2, 3]], [1])


def test_minus_one_retries_for_ever() -> None:
    todo = batch(1)
    for _ in range(1000):
        (todo,) = apply_outcome(todo, Failed(), Rules(max_retries=-1, bisect=True)).again
    assert todo.failures == 1000


def test_function_error_is_null_for_an_exhausted_partial_failure_and_unhandled_otherwise() -> None:
    rules = Rules(max_retries=0)
    partial = apply_outcome(batch(1), PartialFailure(0), rules).discarded
    whole = apply_outcome(batch(1), Failed(), rules).discarded
    assert partial and partial.function_error is None
    assert whole and whole.function_error == "Unhandled"


def test_a_refused_invocation_uses_up_no_retry() -> None:
    rules = Rules(max_retries=0)
    todo = batch(1, 2)
    pauses = []
    for _ in range(50):
        settled = apply_outcome(todo, NotInvoked(), rules)
        (todo,) = settled.again
        pauses.append(settled.pause)
    assert (todo.failures, todo.invocations) == (0, 0)
    assert pauses == list(range(1, 51))
    assert apply_outcome(todo, Delivered(), rules) == Transition()


# Ages


def test_old_records_are_given_up_and_younger_ones_of_the_batch_go_on() -> None:
    todo = Batch((record(1, arrived_at=0), record(2, arrived_at=39), record(3, arrived_at=41)), invocations=4)
    settled = expire(todo, Rules(max_age_seconds=60), now=100)
    assert settled
    assert (again(settled), given_up(settled)) == ([[3]], [1, 2])
    assert settled.discarded and settled.discarded.condition == "RecordAgeExceeded"
    assert settled.discarded.invocations == 4


def test_a_batch_of_old_records_only_is_given_up_whole() -> None:
    settled = expire(batch(1, 2), Rules(max_age_seconds=60), now=61)
    assert settled and (again(settled), given_up(settled)) == ([], [1, 2])


def test_the_age_counts_while_the_function_is_throttled() -> None:
    throttled = apply_outcome(batch(1), NotInvoked(), Rules(max_age_seconds=60)).again[0]
    assert expire(throttled, Rules(max_age_seconds=60), now=61)


@pytest.mark.parametrize(("max_age", "now"), [(60, 60), (-1, 1e12)])
def test_records_within_the_age_stay(max_age: float, now: float) -> None:
    assert expire(batch(1, 2), Rules(max_age_seconds=max_age), now) is None


def test_a_record_that_makes_the_function_crash_blocks_its_lane_until_it_is_too_old() -> None:
    rules = Rules(max_retries=-1, max_age_seconds=60, bisect=True)
    lane = Lane((Batch((record(1), record(2), record(3, arrived_at=50))),))
    stored: list[int] = []
    discarded: list[int] = []
    for now in range(100):
        todo = lane.batches[0]
        settled = expire(todo, rules, now)
        if settled is None:
            crashes = 2 in numbers(todo.records)
            settled = apply_outcome(todo, Failed() if crashes else Delivered(), rules)
            stored += [] if crashes else numbers(todo.records)
        discarded += given_up(settled)
        lane = replace_head(lane, settled.again)
        if not lane.batches:
            break
        assert stored == [1][: len(stored)] or discarded == [2], "the record behind it waits"
    assert (stored, discarded, now) == ([1, 3], [2], 62)


def test_the_retries_used_up_go_with_the_record_that_used_them() -> None:
    todo = Batch((record(1, arrived_at=0), record(2, arrived_at=50)), failures=2)
    settled = expire(todo, Rules(max_age_seconds=60), now=70)
    assert settled and settled.again[0].failures == 0


# The checkpoint


def test_the_checkpoint_is_the_last_record_read_when_all_is_done() -> None:
    assert checkpoint([Lane(), Lane()], "7") == "7"
    assert checkpoint([Lane()], None) is None


def test_the_checkpoint_lies_before_the_first_record_of_any_lane_that_is_not_done() -> None:
    slow, quick = Lane((batch(4, 5),), records(9)), Lane(waiting=records(6, 8))
    assert checkpoint([quick, slow], "9") == "3"


def test_the_checkpoint_compares_sequence_numbers_as_integers() -> None:
    assert checkpoint([Lane(waiting=records(10)), Lane(waiting=records(9))], "10") == "8"


def test_there_is_no_checkpoint_while_the_very_first_record_is_not_done() -> None:
    assert checkpoint([Lane((batch(1),))], "5") is None


# All of it together


@st.composite
def rules_(draw: st.DrawFn) -> Rules:
    return Rules(
        batch_size=draw(st.integers(1, 7)),
        parallelization_factor=draw(st.integers(1, 3)),
        max_retries=draw(st.integers(0, 3)),
        bisect=draw(st.booleans()),
        max_age_seconds=60,
        reports_failures=True,
    )


class Simulation:
    """A shard with its lanes and a function that answers whatever it is told to."""

    def __init__(self, rules: Rules, keys: list[str]) -> None:
        self.rules = rules
        self.lanes = [Lane()] * rules.parallelization_factor
        self.to_read = [record(number, key=key) for number, key in enumerate(keys, start=1)]
        self.last_read: str | None = None
        self.delivered: set[int] = set()
        self.given_up: set[int] = set()
        self.first_sent: dict[int, list[int]] = {n: [] for n in range(len(self.lanes))}

    def read(self, count: int) -> None:
        page, self.to_read = self.to_read[:count], self.to_read[count:]
        for taken in page:
            number = lane_for(taken, len(self.lanes))
            self.lanes[number] = append(self.lanes[number], [taken])
            self.last_read = taken.sequence_number

    def turn(self, number: int, what: str, index: int) -> None:
        """Let the lane send its next batch, if it has one, with `what` as the outcome."""
        lane = self.lanes[number] = form_batch(self.lanes[number], self.rules, now=0)
        if not lane.batches:
            return
        todo = lane.batches[0]
        sent = numbers(todo.records)
        if what == "old":
            settled = cast(Transition, expire(todo, self.rules, now=61))
        else:
            outcomes: dict[str, Outcome] = {
                "delivered": Delivered(),
                "partial": PartialFailure(index % len(sent)),
                "failed": Failed(),
                "refused": NotInvoked(),
            }
            outcome = outcomes[what]
            settled = apply_outcome(todo, outcome, self.rules)
            if what != "refused":
                known = self.first_sent[number]
                known += [n for n in sent if n not in known]
            if isinstance(outcome, PartialFailure):
                self.delivered.update(sent[: outcome.index])
            if isinstance(outcome, Delivered):
                self.delivered.update(sent)
        self.given_up.update(given_up(settled))
        self.lanes[number] = replace_head(lane, settled.again)

    @property
    def done(self) -> set[int]:
        return self.delivered | self.given_up

    def check_checkpoint(self) -> None:
        up_to = int(checkpoint(self.lanes, self.last_read) or 0)
        assert set(range(1, up_to + 1)) <= self.done
        assert up_to + 1 not in self.done or up_to == int(self.last_read or 0)


@settings(max_examples=100)
@given(
    rules=rules_(),
    keys=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40),
    turns=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(["delivered", "partial", "failed", "refused", "old", "read"]),
            st.integers(0, 9),
        ),
        max_size=80,
    ),
    in_the_end=st.sampled_from(["delivered", "partial", "failed", "old"]),
)
def test_every_record_is_delivered_or_given_up_in_order_and_the_checkpoint_never_passes_one(
    rules: Rules, keys: list[str], turns: list[tuple[int, str, int]], in_the_end: str
) -> None:
    shard = Simulation(rules, keys)
    for number, what, index in turns:
        if what == "read":
            shard.read(index)
        else:
            shard.turn(number % len(shard.lanes), what, index)
        shard.check_checkpoint()
    shard.read(len(keys))
    # A record alone takes part in at most so many invocations that use up a retry, and in one more for
    # each record that leaves its batch before it.
    most = 3 * len(keys) * (rules.max_retries + 2)
    for _ in range(most):
        for number in range(len(shard.lanes)):
            shard.turn(number, in_the_end, 0)
            shard.check_checkpoint()
    assert shard.lanes == [Lane()] * len(shard.lanes), "it does not come to an end"
    assert shard.done == set(range(1, len(keys) + 1))
    assert checkpoint(shard.lanes, shard.last_read) == str(len(keys))
    for sent in shard.first_sent.values():
        assert sent == sorted(sent)


@given(
    count=st.integers(1, 60),
    poison=st.sets(st.integers(1, 60), max_size=5),
    partial=st.booleans(),
    max_retries=st.integers(0, 2),
)
def test_with_bisect_exactly_the_bad_records_are_given_up(
    count: int, poison: set[int], partial: bool, max_retries: int
) -> None:
    rules = Rules(batch_size=25, bisect=True, max_retries=max_retries, reports_failures=partial)
    lane = Lane(waiting=records(*range(1, count + 1)))
    lost: list[int] = []
    while (lane := form_batch(lane, rules, now=0)).batches:
        bad = [i for i, r in enumerate(lane.batches[0].records) if int(r.sequence_number) in poison]
        outcome: Outcome = Delivered() if not bad else PartialFailure(bad[0]) if partial else Failed()
        settled = apply_outcome(lane.batches[0], outcome, rules)
        lost += given_up(settled)
        lane = replace_head(lane, settled.again)
    assert lost == sorted(n for n in poison if n <= count)


def test_records_without_a_partition_key_spread_over_the_lanes() -> None:
    keyless = [replace(record(number), partition_key=None) for number in range(1, 100)]
    assert {lane_for(one, 4) for one in keyless} == {0, 1, 2, 3}
    assert lane_for(record(1, key="a"), 4) == lane_of("a", 4)
