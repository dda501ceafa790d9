"""The results as a picture: what an order costs each handler, and how long each takes to start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402

from bench.artifacts import ALL  # noqa: E402
from bench.thresholds import BATCH, figure  # noqa: E402

_COLOURS = {60: "#7aa6c2", 600: "#1f4e79"}


def draw(results: dict[str, Any], file: Path) -> None:
    """Write a PNG of the figures that there are."""
    panels: list[tuple[str, str, dict[int, list[float]]]] = []
    if "handlers" in results:
        for title, what, waits in (
            (f"CPU µs an order, {BATCH:,} a batch", "cpu_us", False),
            ("wall µs an order, 5 ms table, 20 ms bucket", "wall_us", True),
        ):
            values = {
                size: [
                    figure(results["handlers"], peer.name, batch=BATCH, size=size, waits=waits)[what]
                    for peer in ALL
                ]
                for size in _COLOURS
            }
            panels.append((title, "log", values))
    if "cold_starts" in results:
        ready = {one["peer"]: one["ready_ms"] for one in results["cold_starts"] if one["has_pyc"]}
        panels.append(("cold start, ms", "linear", {600: [ready[peer.name] for peer in ALL]}))
    drawing, axes = pyplot.subplots(1, len(panels), figsize=(4.6 * len(panels), 3.4), squeeze=False)
    for axis, (title, scale, values) in zip(axes[0], panels, strict=True):
        _bars(axis, title, scale, values)
    drawing.tight_layout()
    drawing.savefig(file, dpi=110, metadata={"Software": None})
    pyplot.close(drawing)


def _bars(axis: Axes, title: str, scale: str, values: dict[int, list[float]]) -> None:
    height = 0.8 / len(values)
    for number, (size, of_peers) in enumerate(values.items()):
        places = [place + number * height for place in range(len(of_peers))]
        label = f"{size} B" if len(values) > 1 else None
        bars = axis.barh(places, of_peers, height, color=_COLOURS[size], label=label)
        axis.bar_label(bars, [f"{value:,.0f}" for value in of_peers], padding=3, fontsize=8)
    axis.set_yticks([place + 0.4 - height / 2 for place in range(len(ALL))], [peer.label for peer in ALL])
    axis.invert_yaxis()
    axis.set_xscale(scale)
    axis.set_xlim(right=max(map(max, values.values())) * (4 if scale == "log" else 1.2))
    axis.set_title(title, fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
    if len(values) > 1:
        axis.legend(fontsize=8, frameon=False)
