"""Builds charts over time as ECharts options, all with one time axis. Pure: the figures are passed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from orderstream.aws.metrics import MINUTE
from orderstream.domain.currencies import minor_units
from orderstream.monitoring.figures import Minutes
from orderstream.monitoring.shards import ShardLoad

Options = dict[str, Any]

# Distinguishable with red-green color blindness, on white and on black.
COLOURS = ("#2f9bd6", "#e69f00", "#00a884", "#cc79a7", "#d55e00", "#8f8fd6")
_GREY = "#8b93a1"
_LINE = "rgba(139, 147, 161, 0.25)"
_UNFINISHED = "rgba(139, 147, 161, 0.22)"
# The current period has a rate only after this much of it.
_SOME_SECONDS = 10


class Window(NamedTuple):
    """The time axis of the charts, in seconds since the epoch; `until` is the time of the latest figures."""

    since: int
    until: int
    period: int = MINUTE

    @property
    def periods(self) -> range:
        """The start of each period in it."""
        return range(self.since // self.period * self.period, self.until, self.period)

    @property
    def end(self) -> int:
        """The end of the axis: that of the last period, over or not."""
        return -(-self.until // self.period) * self.period


def window(seconds: int, period: int, until: int) -> Window:
    """The axis for the last `seconds`, in periods of `period` seconds."""
    return Window((until - seconds) // period * period, until, period)


def rates(series: Mapping[str, Minutes], of: Window, *, seconds: int = 1) -> Options:
    """Counts per `seconds`: one line per series."""
    points = {
        name: [
            (at, minutes.get(at, 0.0) * seconds / min(of.period, of.until - at))
            for at in of.periods
            if of.until - at >= _SOME_SECONDS
        ]
        for name, minutes in series.items()
    }
    return _chart(points, of, "line")


def levels(series: Mapping[str, Minutes], of: Window, *, divisor: float = 1) -> Options:
    """Values measured at intervals: one line per series, with gaps where nothing was measured."""
    points = {
        name: [(at, minutes[at] / divisor if at in minutes else None) for at in of.periods]
        for name, minutes in series.items()
    }
    return _chart(points, of, "line")


def sums(name: str, minutes: Minutes, of: Window) -> Options:
    """The amount in the currency `name` for each period: bars, the last of which still grows."""
    # Such a chart is small.
    drawn = _chart({name: [(at, minutes[at]) for at in of.periods if minutes.get(at)]}, of, "bar")
    drawn["yAxis"]["splitNumber"] = 2
    units = minor_units(name)
    if units is not None:
        drawn["tooltip"][":valueFormatter"] = _number(least=units, most=units)
    return drawn


def shares(loads: Sequence[ShardLoad], hot: str | None) -> Options:
    """Each shard's share of the traffic, in percent; the hot shard is highlighted."""
    # ECharts draws the first one at the bottom.
    loads = sorted(loads, key=lambda load: load.share)
    names = [load.shard_id.removeprefix("shardId-").lstrip("0") or "0" for load in loads]
    bars = [
        {
            "value": round(load.share * 100, 1),
            "itemStyle": {"color": COLOURS[4] if load.shard_id == hot else COLOURS[0]},
        }
        for load in loads
    ]
    label = {"show": True, "position": "right", "formatter": "{c} %", "color": _GREY}
    return {
        "animation": False,
        "grid": {"left": 4, "right": 56, "top": 8, "bottom": 4, "containLabel": True},
        "xAxis": {"type": "value", "max": 100, "axisLabel": {"color": _GREY}, **_SPLIT},
        "yAxis": {"type": "category", "data": names, "axisLabel": {"color": _GREY}},
        "series": [{"type": "bar", "data": bars, "label": label, "barMaxWidth": 26}],
    }


_SPLIT = {"splitLine": {"lineStyle": {"color": _LINE}}}


def _number(*, least: int = 0, most: int) -> str:
    digits = f"{{minimumFractionDigits: {least}, maximumFractionDigits: {most}}}"
    return f"value => value == null ? '–' : value.toLocaleString(undefined, {digits})"


def _chart(series: Mapping[str, Sequence[tuple[int, float | None]]], of: Window, kind: str) -> Options:
    empty = not any(value for points in series.values() for _, value in points)
    return {
        "animation": False,
        "color": list(COLOURS),
        "title": {
            "show": empty,
            "text": "nothing yet",
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
        "tooltip": {
            "trigger": "axis",
            ":valueFormatter": _number(most=2),
            "confine": True,
        },
        "xAxis": {
            "type": "time",
            "min": of.since * 1000,
            "max": of.end * 1000,
            "axisLabel": {
                "color": _GREY,
                "hideOverlap": True,
                # The first would touch the number beside it.
                "showMinLabel": False,
                "showMaxLabel": False,
                "formatter": "{HH}:{mm}",
            },
            "axisLine": {"lineStyle": {"color": _LINE}},
            "splitLine": {"show": False},
        },
        "yAxis": {"type": "value", "min": 0, "minInterval": 0, "axisLabel": {"color": _GREY}, **_SPLIT},
        "series": [_series(name, points, of, kind) for name, points in series.items()],
    }


def _series(name: str, points: Sequence[tuple[int, float | None]], of: Window, kind: str) -> Options:
    # A bar spans its period; a line's point is in the middle of it.
    data = [[(at + of.period / 2) * 1000, None if value is None else round(value, 4)] for at, value in points]
    found: Options = {"name": name, "type": kind, "data": data, "markArea": _unfinished(of)}
    if kind == "line":
        found |= {"showSymbol": False, "lineStyle": {"width": 2}, "connectNulls": False}
        # A single point between gaps would be invisible as a line.
        found["showSymbol"] = sum(value is not None for _, value in data) < 3
    else:
        found |= {"barMaxWidth": 8}
    return found


def _unfinished(of: Window) -> Options:
    """The mark on the period that is not over."""
    begun = of.until // of.period * of.period
    marked = [[{"xAxis": begun * 1000}, {"xAxis": of.end * 1000}]] if begun < of.until else []
    return {"silent": True, "itemStyle": {"color": _UNFINISHED}, "data": marked}
