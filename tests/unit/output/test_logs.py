"""A log says what happened in each invocation, and nothing in it steers a terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from orderstream.lookup.log_tail import LogEvent
from orderstream.output.logs import print_log

AT = datetime(2026, 11, 22, 18, 0, 3, 127_000, tzinfo=UTC)
INVOCATION = {
    "Stack": "s",
    "Received": 12,
    "Stored": 10,
    "Invalid": 2,
    "request_id": "r",
    "shard_id": "shardId-1",
    "cold_start": True,
    "problems": ["the table refused"],
    "_aws": {"Timestamp": 0},
}


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            json.dumps(INVOCATION),
            "12 received: 10 stored, 2 invalid  shardId-1  cold start\n  the table refused",
        ),
        (
            json.dumps({"Stack": "s", "Received": 0, "request_id": "r", "_aws": {}}),
            "0 received: nothing  ",
        ),
        (json.dumps({"level": "ERROR", "message": "it broke", "line": 7}), "ERROR  it broke  line 7"),
        (json.dumps({"Stack": "s", "CanaryArrived": 1, "seconds": 0.25}), "CanaryArrived 1, seconds 0.25"),
        ("REPORT RequestId: 1\tDuration: 2 ms", "REPORT RequestId: 1"),
        ("[1, 2]", "[1, 2]"),
        ("\x1b[2Jgone", "\N{REPLACEMENT CHARACTER}[2Jgone"),
    ],
)
def test_an_event_has_its_time_and_its_meaning(
    message: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_log([LogEvent(AT, "stream", message)], as_json=False)
    said = capsys.readouterr().out
    assert said.startswith(f"2026-11-22 18:00:03.127Z  {shown}")


def test_an_event_as_json_has_the_message_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    print_log([LogEvent(AT, "stream", "\x1b[2Jgone")], as_json=True)
    said = capsys.readouterr().out
    assert json.loads(said) == {
        "at": "2026-11-22T18:00:03.127000Z",
        "stream": "stream",
        "message": "\x1b[2Jgone",
    }
    assert "\x1b" not in said
