"""Time is the service's, as its answers say it, however wrong this machine's clock is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from orderstream.aws.clock import PRECISION, ServiceClock

HOURS = timedelta(hours=2)


def right() -> datetime:
    return datetime.now(UTC)


def answer(date: str) -> dict[str, Any]:
    return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}


def dated(at: datetime) -> dict[str, Any]:
    return answer(format_datetime(at, usegmt=True))


@pytest.mark.parametrize("off", [HOURS, -HOURS, timedelta(seconds=45)])
def test_a_wrong_clock_is_put_right_by_the_first_answer(off: timedelta) -> None:
    clock = ServiceClock(here=lambda: right() - off)
    assert abs(clock.now() - (right() - off)) < PRECISION, "nothing else is known yet"
    clock.observe(parsed_response=dated(right()))
    assert abs(clock.now() - right()) < PRECISION
    assert abs(clock.behind - off) < PRECISION


def test_a_clock_that_is_right_keeps_its_fractions_of_a_second() -> None:
    now = right()
    clock = ServiceClock(here=lambda: now)
    clock.observe(parsed_response=dated(now))
    assert (clock.now(), clock.behind) == (now, timedelta(0))


def test_an_answer_that_was_long_on_its_way_moves_nothing_back() -> None:
    clock = ServiceClock(here=lambda: right() - HOURS)
    clock.observe(parsed_response=dated(right()))
    clock.observe(parsed_response=dated(right() - timedelta(minutes=10)))
    assert abs(clock.now() - right()) < PRECISION


def test_a_clock_that_is_set_meanwhile_is_noticed() -> None:
    off = HOURS
    clock = ServiceClock(here=lambda: right() - off)
    clock.observe(parsed_response=dated(right()))
    off = timedelta(0)
    assert (abs(clock.now() - right()) < PRECISION, clock.behind) == (True, timedelta(0))


@pytest.mark.parametrize("said", [None, {}, {"ResponseMetadata": {}}, answer("yesterday"), answer("")])
def test_an_answer_without_a_date_says_nothing(said: dict[str, Any] | None) -> None:
    clock = ServiceClock(here=lambda: right() - HOURS)
    clock.observe(parsed_response=said)
    assert clock.behind == timedelta(0)


def test_a_wrong_clock_is_told_once() -> None:
    told: list[timedelta] = []
    clock = ServiceClock(told.append, here=lambda: right() - HOURS)
    for _ in range(3):
        clock.observe(parsed_response=dated(right()))
    (behind,) = told
    assert abs(behind - HOURS) < PRECISION


def test_less_than_a_minute_is_nothing_to_tell() -> None:
    told: list[timedelta] = []
    clock = ServiceClock(told.append, here=lambda: right() + timedelta(seconds=50))
    clock.observe(parsed_response=dated(right()))
    assert told == []
