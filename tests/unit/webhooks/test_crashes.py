"""Whatever is killed between any two calls: every change arrives, in order after de-duplication (G11)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderstream.webhooks.http_client import Answer
from tests.unit.webhooks.fake_tables import Kill, KilledError, rows
from tests.unit.webhooks.harness import OK, Webhooks, failed

CHANGES = ("A/1", "A/2 paid", "B/1", "A/3 packed", "B/2 paid")
Work = Callable[[Webhooks], object]


def first_of_each(received: list[str], order_id: str) -> list[str]:
    """The versions of an order as a receiver sees them that ignores what it had."""
    return list(dict.fromkeys(one for one in received if one.rpartition("/")[0] == order_id))


def is_complete(hooks: Webhooks) -> bool:
    """Let time pass; return whether everything arrived, in order, and nothing is left."""
    hooks.run(2 * 3600)
    received = hooks.endpoints["a"].received
    return (
        first_of_each(received, "A") == ["A/1", "A/2", "A/3"]
        and first_of_each(received, "B") == ["B/1", "B/2"]
        and hooks.deliveries.counts("a") == (0, 0)
    )


def killed(hooks: Webhooks, work: Work, at: int, *, after: bool) -> bool:
    """Do some work and be killed at one of its calls; return whether it came that far."""
    hooks.tables.kill = Kill(at, after=after)
    try:
        work(hooks)
    except KilledError:
        return True
    finally:
        hooks.tables.kill = Kill()
    return False


def once_failing(event_id: str, number: int) -> Answer:
    """An endpoint that refuses one version of each order at first."""
    return failed() if number in (2, 3) else OK


@pytest.mark.parametrize("after", [False, True])
def test_a_sender_that_is_killed_at_any_call_loses_nothing_and_keeps_the_order(after: bool) -> None:
    at = 0
    came_that_far = True
    while came_that_far:
        at += 1
        hooks = Webhooks(concurrency=1)
        hooks.add("a", once_failing)
        hooks.announce(*CHANGES)
        came_that_far = killed(hooks, lambda hooks: hooks.send(), at, after=after)
        assert is_complete(hooks), at
    assert at > 20


@pytest.mark.parametrize("after", [False, True])
def test_a_batch_that_is_killed_at_any_call_is_queued_when_it_comes_again(after: bool) -> None:
    at = 0
    came_that_far = True
    while came_that_far:
        at += 1
        hooks = Webhooks()
        hooks.add()
        records = [hooks.record(one) for one in CHANGES]

        def work(hooks: Webhooks, records: list[dict[str, object]] = records) -> None:
            hooks.queue(records)

        came_that_far = killed(hooks, work, at, after=after)
        # A sender that was started by the part that was queued.
        hooks.send()
        if came_that_far:
            work(hooks)
        assert is_complete(hooks), at
    assert at > 3


@pytest.mark.parametrize("after", [False, True])
def test_an_erasure_that_is_killed_at_any_call_leaves_no_content_when_it_comes_again(after: bool) -> None:
    at = 0
    came_that_far = True
    while came_that_far:
        at += 1
        hooks = Webhooks()
        endpoint = hooks.add()
        hooks.announce("A/1", "A/2 paid", "B/1")
        records = [hooks.record("A/3 erased")]

        def work(hooks: Webhooks, records: list[dict[str, object]] = records) -> None:
            hooks.queue(records)

        came_that_far = killed(hooks, work, at, after=after)
        if came_that_far:
            work(hooks)
        assert not [row for row in rows(hooks.tables) if '"A/1"' in row.get("Body", "")]
        hooks.run(3600)
        assert sorted(endpoint.received) == ["A/3", "B/1"], at
    assert at > 4


@settings(max_examples=60, deadline=None)
@given(
    kills=st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=4),
    # With one more, a delivery could become a dead letter.
    verdicts=st.lists(
        st.sampled_from([OK, failed(), failed(429, 30.0), Answer(0, "no response in time")]), max_size=9
    ),
)
def test_any_kills_and_any_answers_end_with_everything_delivered(
    kills: list[tuple[int, bool]], verdicts: list[Answer]
) -> None:
    hooks = Webhooks(concurrency=2)
    script = iter(verdicts)
    hooks.add("a", lambda event_id, number: next(script, OK))
    hooks.announce(*CHANGES)
    for at, after in kills:
        killed(hooks, lambda hooks: hooks.send(), at, after=after)
        # Until the lease of the one that was killed ends.
        hooks.now += 140
    hooks.run(30 * 24 * 3600)
    received = hooks.endpoints["a"].received
    dead = hooks.deliveries.counts("a")[1]
    assert dead == 0
    assert first_of_each(received, "A") == ["A/1", "A/2", "A/3"]
    assert first_of_each(received, "B") == ["B/1", "B/2"]
