"""Deliveries are found for as long as AWS tries, and no more of the log is read than that takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from orderstream.aws.deployment import Deployment
from orderstream.lookup.invocation_log import (
    AT_THE_LATEST,
    SOON,
    LoggedInvocation,
    RecordPosition,
    invocations_of,
)
from tests.fakes import deployment_on

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)


class Log:
    """CloudWatch Logs: lines of a shard by their times, and the times that were asked for."""

    def __init__(self, lines: Mapping[datetime, dict[str, Any]]) -> None:
        self.lines = lines
        self.asked: list[tuple[datetime, datetime]] = []

    def get_paginator(self, operation: str) -> Log:
        assert operation == "filter_log_events"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        since, until = (
            datetime.fromtimestamp(request[name] / 1000, UTC) for name in ("startTime", "endTime")
        )
        assert since < until, "AWS refuses that"
        self.asked.append((since, until))
        events = [
            {"message": json.dumps(line | {"_aws": {"Timestamp": int(at.timestamp() * 1000)}})}
            for at, line in self.lines.items()
            if since <= at < until
        ]
        yield {"events": events}

    def deployment(self) -> Deployment:
        return deployment_on(SimpleNamespace(logs=self, now=lambda: NOW))


def place(number: int, *, ago: timedelta) -> RecordPosition:
    return RecordPosition("shard", str(number), NOW - ago, frozenset())


def line(of: RecordPosition, *, done: bool, request_id: str = "r") -> dict[str, Any]:
    number = of.sequence_number
    return {
        "Stack": "test",
        "Received": 1,
        "request_id": request_id,
        "shard_id": of.shard_id,
        "first_sequence_number": number,
        "last_sequence_number": number,
        "failed_from": None if done else number,
        "objects": [],
    }


def test_a_record_that_failed_for_days_has_all_its_deliveries_once_and_in_order() -> None:
    first, second = place(1, ago=timedelta(days=8)), place(2, ago=timedelta(days=8) - timedelta(hours=5))
    log = Log(
        {
            first.arrived_at: line(first, done=False, request_id="a"),
            # Of the first, this is late; the window of the second has it at once.
            first.arrived_at + SOON + timedelta(hours=1): line(first, done=False, request_id="b"),
            first.arrived_at + timedelta(days=6, hours=23): line(first, done=True, request_id="c"),
            second.arrived_at + timedelta(days=6, hours=22): line(second, done=True, request_id="d"),
        }
    )
    found = invocations_of(log.deployment(), [first, second])
    assert [(one.request_id, one.done) for one in found[first]] == [("a", False), ("b", False), ("c", True)]
    assert [one.request_id for one in found[second]] == ["d"]


def test_of_a_record_that_is_done_the_log_of_later_days_is_not_read() -> None:
    done, failed = place(1, ago=timedelta(days=8)), place(2, ago=timedelta(days=4))
    log = Log({done.arrived_at: line(done, done=True), failed.arrived_at: line(failed, done=False)})
    found = invocations_of(log.deployment(), [done, failed])
    assert found[done] == [LoggedInvocation(done.arrived_at, "r", done=True)]
    assert [since for since, _ in log.asked] == [
        done.arrived_at,
        failed.arrived_at,
        failed.arrived_at + SOON,
    ]


def test_nothing_is_asked_of_times_that_are_to_come() -> None:
    young = place(1, ago=timedelta(minutes=1))
    log = Log({young.arrived_at: line(young, done=False)})
    assert len(invocations_of(log.deployment(), [young])[young]) == 1
    ((since, until),) = log.asked
    assert since == young.arrived_at and until <= NOW + timedelta(seconds=1)


def test_aws_tries_no_longer_than_is_looked_at() -> None:
    assert AT_THE_LATEST > timedelta(seconds=604_800)
