"""The log of a function is followed without gaps and repetitions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from orderstream.lookup.log_tail import LogEvent, follow

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)


def event(second: float, stream: str = "a") -> LogEvent:
    return LogEvent(NOW + timedelta(seconds=second), stream, "text")


def test_each_event_comes_once_even_if_it_arrives_late() -> None:
    # What CloudWatch has at each reading.
    readings = [
        [event(1), event(2)],
        [event(1), event(2)],
        [event(1), event(1.5, "b"), event(2), event(90)],
        [event(1), event(1.5, "b"), event(2), event(90), event(91)],
    ]
    asked = []

    def read(since: datetime) -> Iterator[LogEvent]:
        asked.append(since)
        return (one for one in readings[len(asked) - 1] if one.at >= since)

    seen = list(islice(follow(read, NOW), 9))
    assert seen == [event(1), event(2), None, None, event(1.5, "b"), event(90), None, event(91), None]
    # No more is read again than may have changed.
    assert asked == [NOW, NOW, NOW, NOW + timedelta(seconds=60)]
