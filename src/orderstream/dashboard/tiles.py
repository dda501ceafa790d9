"""What the tiles and the header say of a status, and how urgent it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from orderstream.monitoring.health import Status
from orderstream.output.numbers import count, length

Tone = Literal["", "warn", "bad"]
_LEAST_URGENT_FIRST: tuple[Tone, ...] = ("", "warn", "bad")
# Below this part of the stream's retention, waiting orders are about to be lost.
_SHORT = 0.5


class TileText(NamedTuple):
    """A figure with its title, details, tone and, unless that is "", what the header says of it."""

    title: str
    value: str
    below: str
    tone: Tone = ""
    headline: str = ""


class HeaderState(NamedTuple):
    """What the header says of a stack."""

    text: str
    tone: Tone


def tiles_of(status: Status) -> tuple[TileText, ...]:
    """The tiles, from arrival to what went wrong."""
    return (
        _rate("Orders in", status.records.last_minute, status.records.five_minutes),
        _rate("Stored", status.stored.last_minute, status.stored.five_minutes),
        _latency(status),
        *_waiting(status),
        _quarantined(status),
    )


def header_of(status: Status, tiles: Iterable[TileText]) -> HeaderState:
    """The state of the stack: never better than any alarm or any of its tiles."""
    on = sum(alarm.state == "alarm" for alarm in status.alarms)
    if on:
        return HeaderState(f"{on} alarm{'s' * (on > 1)}", "bad")
    worst = max(tiles, key=lambda tile: _LEAST_URGENT_FIRST.index(tile.tone))
    return HeaderState(worst.headline or "all well", worst.tone)


def _rate(title: str, last_minute: float, five_minutes: float) -> TileText:
    return TileText(
        title, f"{count(_short(last_minute))}/s", f"{count(_short(five_minutes))}/s over 5 minutes"
    )


def _latency(status: Status) -> TileText:
    title = "Time to store"
    latency = status.latency
    if latency is None:
        return TileText(title, "–", "nothing stored lately")
    below = f"median / slowest 1 %; in 5 minutes at worst {latency.p99_worst:,.0f} ms"
    return TileText(title, f"{latency.p50:,.0f} / {latency.p99:,.0f} ms", below)


def _waiting(status: Status) -> tuple[TileText, TileText]:
    age, left = status.iterator_age, status.until_data_loss
    kept = length(status.retention)
    if age is None or left is None:
        stopped = "orders are not processed"
        return (
            TileText("Waiting orders", "unknown", "nothing reads the stream", "bad", stopped),
            TileText("Retention left", "unknown", f"the stream keeps orders for {kept}", "bad", stopped),
        )
    waiting = f"up to {status.backlog:,}" if status.backlog else "none"
    is_short = left < status.retention * _SHORT
    remains = length(round(left))
    return (
        TileText("Waiting orders", waiting, f"the oldest for {length(_short(age))}"),
        TileText(
            "Retention left",
            remains,
            f"of the {kept} that the stream keeps a waiting order",
            "bad" if is_short else "",
            f"retention left: {remains}" if is_short else "",
        ),
    )


def _quarantined(status: Status) -> TileText:
    duplicates, conflicts, invalid = (
        status.counts[name].five_minutes for name in ("duplicates", "conflicts", "invalid")
    )
    number = round(conflicts + invalid)
    below = f"{conflicts:,} conflicts, {invalid:,} invalid; {duplicates:,} duplicates are harmless"
    return TileText(
        "Quarantined in 5 minutes",
        f"{number:,}",
        below,
        "warn" if number else "",
        f"{number:,} quarantined" if number else "",
    )


def _short(value: float) -> float:
    return float(f"{value:.3g}")
