"""Formats times for the viewer: in their own time zone, and in UTC."""

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

    def text(self, at: datetime | str) -> str:
        """`18:03:07`, with the date in front if it is not today."""
        local = _moment(at).astimezone(self._zone)
        today = datetime.now(UTC).astimezone(self._zone).date()
        return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%Y-%m-%d %H:%M:%S}"


def utc(at: datetime | str) -> str:
    """`2026-11-22 18:03:07.250 UTC`."""
    return f"{_moment(at):%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"


def _moment(at: datetime | str) -> datetime:
    return (timestamp(at) if isinstance(at, str) else at).astimezone(UTC)
