"""People type points in time in three ways; all of them are UTC."""

from datetime import UTC, datetime

import pytest

from orderstream.aws.times import parse_time_range, parse_timestamp
from orderstream.errors import InputError

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-22T18:00:00+02:00", datetime(2026, 11, 22, 16, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2h", datetime(2026, 11, 22, 16, tzinfo=UTC)),
        ("90m", datetime(2026, 11, 22, 16, 30, tzinfo=UTC)),
        ("1d", datetime(2026, 11, 21, 18, tzinfo=UTC)),
        ("1w", datetime(2026, 11, 15, 18, tzinfo=UTC)),
    ],
)
def test_a_point_in_time(text: str, meant: datetime) -> None:
    assert parse_timestamp(text, NOW) == meant


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-11-22T18:00:00", "2026-13-01", "2 h", "-2h", "999999w", "", "2026/11/22"]
)
def test_anything_else_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_timestamp(text, NOW)
    assert "2h" in caught.value.hint


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5m", 300), ("1h", 3600), ("2d", 172_800)])
def test_a_length_of_time(text: str, seconds: int) -> None:
    assert parse_time_range(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["1", "1 h", "-1h", "1y", "", "hour"])
def test_anything_else_is_no_length_of_time(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_time_range(text)
    assert "1h" in caught.value.hint
