"""Time is the service's, as its answers say it, however wrong this machine's clock is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orderstream.aws.clock import PRECISION, ServiceClock
from orderstream.client.put_records import classify
from orderstream.errors import CloudError
from orderstream.sdk.errors import translate_errors

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


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ),
        (
            "InvalidSignatureException",
            "Signature expired: 20261128T100000Z is now earlier than 20261128T1155Z",
        ),
        (
            "SignatureDoesNotMatch",
            "Signature not yet current: 20261128T140000Z is still later than 20261128Z",
        ),
        ("RequestExpired", "Request has expired."),
    ],
)
def test_a_signature_refused_for_its_time_is_hinted_to_be_about_the_clock(code: str, message: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")
    with pytest.raises(CloudError) as caught, translate_errors("cannot look"):
        raise error
    assert "this machine's clock" in caught.value.hint
    assert "this machine's clock" in classify(error).hint


def test_a_signature_refused_for_its_key_is_not_about_the_clock() -> None:
    message = "The request signature we calculated does not match the signature you provided."
    error = ClientError({"Error": {"Code": "InvalidSignatureException", "Message": message}}, "PutRecords")
    assert "clock" not in classify(error).hint
