"""Formats times for the viewer: in their own time zone, which is always said, and in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orderstream.domain.fields import timestamp


class TimeFormat:
    """Formats times in the browser's time zone, or this machine's if that is unknown."""

    def __init__(self, zone: str | None = None) -> None:
        self._zone: tzinfo | None = None
        try:
            self._zone = ZoneInfo(zone) if zone else None
        except (ZoneInfoNotFoundError, ValueError):
            pass

    @property
    def zone(self) -> str:
        """The name of the zone now: `CET`, or `+0530` where it has no name."""
        return f"{datetime.now(UTC).astimezone(self._zone):%Z}"

    def text(self, at: datetime | str) -> str:
        """`18:03:07 CET`, with the date in front if it is not today."""
        local = _moment(at).astimezone(self._zone)
        today = datetime.now(UTC).astimezone(self._zone).date()
        return f"{local:%H:%M:%S %Z}" if local.date() == today else f"{local:%Y-%m-%d %H:%M:%S %Z}"

    def typed(self, text: str) -> datetime | None:
        """The moment that `2026-11-22T18:03` is in the zone, in UTC; None if it is none."""
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            return None
        try:
            there = local.replace(tzinfo=self._zone) if self._zone else local
            return there.astimezone(UTC)
        except (OverflowError, ValueError):
            return None

    def field(self, at: datetime) -> str:
        """A moment as `typed` reads it, to the minute."""
        return f"{at.astimezone(self._zone):%Y-%m-%dT%H:%M}"


def utc(at: datetime | str) -> str:
    """`2026-11-22 18:03:07.250 UTC`."""
    return f"{_moment(at):%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"


def _moment(at: datetime | str) -> datetime:
    return (timestamp(at) if isinstance(at, str) else at).astimezone(UTC)
