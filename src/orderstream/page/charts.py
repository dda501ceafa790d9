"""Charts of the last hour, as options of ECharts. Pure: the minutes are passed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orderstream.ops.metrics import MINUTE
from orderstream.ops.status.figures import WINDOW, Minutes
from orderstream.ops.status.shards import Load

Options = dict[str, Any]

# Told apart by who sees no red and green, on white and on black.
COLOURS = ("#2f9bd6", "#e69f00", "#00a884", "#cc79a7", "#d55e00", "#8f8fd6")
_GREY = "#8b93a1"
_LINE = "rgba(139, 147, 161, 0.25)"
# The minute under way is a rate only when some of it has passed.
_SOME_SECONDS = 10
_NUMBER = "value => value == null ? '–' : value.toLocaleString(undefined, {maximumFractionDigits: 2})"


def rates(series: Mapping[str, Minutes], until: int) -> Options:
    """How many a second: a line each. `until` is up to when the figures reach, seconds since the epoch."""
    points = {
        name: [
            (at, minutes.get(at, 0.0) / min(MINUTE, until - at))
            for at in _minutes(until)
            if until - at >= _SOME_SECONDS
        ]
        for name, minutes in series.items()
    }
    return _chart(points, until, "line")


def levels(series: Mapping[str, Minutes], until: int, *, divisor: float = 1) -> Options:
    """What is measured now and then: a line each, interrupted where nothing was measured."""
    points = {
        name: [(at, minutes[at] / divisor if at in minutes else None) for at in _minutes(until)]
        for name, minutes in series.items()
    }
    return _chart(points, until, "line")


def sums(series: Mapping[str, Minutes], until: int) -> Options:
    """How much in each minute: a bar each, of which the last one grows."""
    points = {
        name: [(at, minutes[at]) for at in _minutes(until) if minutes.get(at)]
        for name, minutes in series.items()
    }
    return _chart(points, until, "bar")


def shares(loads: Sequence[Load], hot: str | None) -> Options:
    """The share of each shard in the traffic, in percent; the hot one stands out."""
    loads = [*reversed(loads)]
    names = [load.shard_id.removeprefix("shardId-").lstrip("0") or "0" for load in loads]
    bars = [
        {
            "value": round(load.share * 100, 1),
            "itemStyle": {"color": COLOURS[4] if load.shard_id == hot else COLOURS[0]},
        }
        for load in loads
    ]
    label = {"show": True, "position": "insideLeft", "formatter": "{c} %", "color": "#fff"}
    return {
        "animation": False,
        "grid": {"left": 4, "right": 16, "top": 8, "bottom": 4, "containLabel": True},
        "xAxis": {"type": "value", "max": 100, "axisLabel": {"color": _GREY}, **_SPLIT},
        "yAxis": {"type": "category", "data": names, "axisLabel": {"color": _GREY}},
        "series": [{"type": "bar", "data": bars, "label": label, "barMaxWidth": 26}],
    }


_SPLIT = {"splitLine": {"lineStyle": {"color": _LINE}}}


def _minutes(until: int) -> range:
    last = (until - 1) // MINUTE * MINUTE
    return range(last - WINDOW + MINUTE, last + MINUTE, MINUTE)


def _chart(series: Mapping[str, Sequence[tuple[int, float | None]]], until: int, kind: str) -> Options:
    empty = not any(value for points in series.values() for _, value in points)
    return {
        "animation": False,
        "color": list(COLOURS),
        "title": {
            "show": empty,
            "text": "nothing in the last hour",
            "left": "center",
            "top": "middle",
            "textStyle": {"color": _GREY, "fontSize": 13, "fontWeight": "normal"},
        },
        "legend": {
            "show": len(series) > 1,
            "top": 0,
            "right": 0,
            "textStyle": {"color": _GREY},
            "icon": "rect",
        },
        "grid": {
            "left": 4,
            "right": 12,
            "top": 30 if len(series) > 1 else 12,
            "bottom": 4,
            "containLabel": True,
        },
        "tooltip": {"trigger": "axis", ":valueFormatter": _NUMBER, "confine": True},
        "xAxis": {
            "type": "time",
            "min": (until - WINDOW) * 1000,
            "max": until * 1000,
            "axisLabel": {"color": _GREY, "hideOverlap": True, "formatter": "{HH}:{mm}"},
            "axisLine": {"lineStyle": {"color": _LINE}},
            "splitLine": {"show": False},
        },
        "yAxis": {"type": "value", "min": 0, "minInterval": 0, "axisLabel": {"color": _GREY}, **_SPLIT},
        "series": [_series(name, points, kind) for name, points in series.items()],
    }


def _series(name: str, points: Sequence[tuple[int, float | None]], kind: str) -> Options:
    # A bar stands over its minute, a line's point in the middle of it.
    data = [[(at + MINUTE / 2) * 1000, None if value is None else round(value, 4)] for at, value in points]
    found: Options = {"name": name, "type": kind, "data": data}
    if kind == "line":
        found |= {"showSymbol": False, "lineStyle": {"width": 2}, "connectNulls": False}
        # A single point between gaps would not show as a line.
        found["showSymbol"] = sum(value is not None for _, value in data) < 3
    else:
        found |= {"barMaxWidth": 8, "stack": "all"}
    return found
