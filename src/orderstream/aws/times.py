"""Points in time as people type them (RFC 3339, a date, or a duration ago; always UTC), and durations."""

import re
from datetime import UTC, date, datetime, time, timedelta

from orderstream.domain.fields import InvalidValue, timestamp
from orderstream.errors import InputError

_SPAN = re.compile(r"([0-9]{1,6})(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_timestamp(text: str, now: datetime) -> datetime:
    """`text` as aware UTC: "2026-11-22T18:00:00Z", "2026-11-22" (its first instant), or "2h" ago.

    Raises InputError for anything else.
    """
    span = _SPAN.fullmatch(text)
    try:
        if span:
            return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
        if len(text) == len("2026-11-22"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        return timestamp(text)
    except (InvalidValue, ValueError, OverflowError):
        raise InputError(
            f"{text!r} is not a point in time",
            hint='write "2026-11-22T18:00:00Z", "2026-11-22", or a span back from now such as "2h"',
        ) from None


def parse_time_range(text: str) -> timedelta:
    """A duration as people type it: "90s", "5m", "1h", "2d", "1w". Raises InputError for anything else."""
    found = _SPAN.fullmatch(text)
    if not found:
        raise InputError(f"{text!r} is not a length of time", hint='write "30m", "1h" or "2d"')
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
