"""The results as a picture: what an order costs each handler, and how long each takes to start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402

from bench import cold_starts, handlers  # noqa: E402
from bench.artifacts import PEERS, Peer  # noqa: E402
from bench.events import SIZES  # noqa: E402

_COLOURS = dict(zip(SIZES, ("#7aa6c2", "#1f4e79"), strict=True))


def draw(results: dict[str, Any], file: Path) -> None:
    """Write a PNG of what `handlers` found."""
    peers = [peer for peer in PEERS if peer.name in results["peak_mb"]]
    drawing, (cpu, wall, ready) = pyplot.subplots(1, 3, figsize=(13.8, 3.4))
    for axis, title, what, waits in (
        (cpu, f"CPU µs an order, {handlers.BATCH:,} a batch", "cpu_us", False),
        (wall, "wall µs an order, 5 ms table, 20 ms bucket", "wall_us", True),
    ):
        for size in SIZES:
            values = [handlers.figure(results, peer, size, waits=waits)[what] for peer in peers]
            _bars(axis, SIZES.index(size) * 0.4, 0.4, values, _COLOURS[size], f"{size} B")
        _finish(axis, peers, title, 0.2)
        axis.set_xscale("log")
        axis.set_xlim(right=axis.get_xlim()[1] * 4)
        axis.legend(fontsize=8, frameon=False)
    starts = cold_starts.start_ms(results["starts"], has_pyc=True)
    _bars(ready, 0, 0.8, [starts[peer.name] for peer in peers], _COLOURS[SIZES[-1]], "")
    _finish(ready, peers, "cold start, ms", 0)
    ready.set_xlim(right=ready.get_xlim()[1] * 1.2)
    drawing.tight_layout()
    drawing.savefig(file, dpi=110, metadata={"Software": None})
    pyplot.close(drawing)


def _bars(axis: Axes, offset: float, height: float, values: list[float], colour: str, label: str) -> None:
    places = [place + offset for place in range(len(values))]
    bars = axis.barh(places, values, height, color=colour, label=label)
    axis.bar_label(bars, [f"{value:,.0f}" for value in values], padding=3, fontsize=8)


def _finish(axis: Axes, peers: Sequence[Peer], title: str, offset: float) -> None:
    axis.set_yticks([place + offset for place in range(len(peers))], [peer.label for peer in peers])
    axis.invert_yaxis()
    axis.set_title(title, fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
