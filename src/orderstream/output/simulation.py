"""Prints the result of a simulation: a table, and a picture of the backlog."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from orderstream.domain.fields import utc_text
from orderstream.errors import OrderstreamError
from orderstream.output.console import out
from orderstream.output.numbers import count, large, length
from orderstream.output.terminal import SafeTable

if TYPE_CHECKING:
    from orderstream.capacity.traffic import SimulationResult


def print_simulation(of: SimulationResult, begin: datetime | None) -> None:
    """Print the simulation's figures; times as in the file, or relative to its start."""

    def at(second: float) -> str:
        if begin is not None:
            return utc_text(begin + timedelta(seconds=round(second)))[:19] + "Z"
        return f"{int(second // 3600)}:{int(second // 60) % 60:02d}:{int(second) % 60:02d}"

    table = SafeTable(title=f"Simulated, {length(of.seconds)}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right", no_wrap=True)
    table.add_row("orders", large(of.orders))
    table.add_row("largest backlog", f"{large(of.most_backlog)} at {at(of.most_backlog_at)}")
    table.add_row("greatest iterator age", f"{length(of.oldest_seconds)} at {at(of.oldest_at)}")
    if of.behind_from is None:
        table.add_row("behind", "never")
    else:
        table.add_row("behind from", at(of.behind_from))
        table.add_row("caught up", "not before the end" if of.caught_up_at is None else at(of.caught_up_at))
    table.add_row("least time left to the retention", length(of.to_spare_seconds))
    if of.discarded_from is not None:
        table.add_row("discarded to the bucket", f"{large(of.discarded)}, from {at(of.discarded_from)}")
    if of.lost_from is not None:
        table.add_row("lost", f"{large(of.lost)}, from {at(of.lost_from)}")
    if of.most_held:
        table.add_row("held by producers while shards were full", f"{large(of.most_held)} at most")
    table.add_row("orders per batch", count(of.orders_per_batch))
    table.add_row("most concurrent invocations", count(of.most_running))
    for name, number in (("failed invocations", of.failed), ("throttled by Lambda", of.throttled)):
        if number:
            table.add_row(name, count(number))
    table.add_row("simulated shards", count(of.shards_simulated))
    out.print(table)


def picture(of: SimulationResult, begin: datetime | None, file: Path) -> None:
    """Write a PNG of traffic, backlog and iterator age over time. Raises OrderstreamError if it cannot."""
    # Importing takes half a second, which no other command should wait for.
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    hours = [point.second / 3600 for point in of.points]
    drawing, axes = pyplot.subplots(3, 1, figsize=(8, 6), sharex=True)
    lines = (
        ("orders/s", [point.rate for point in of.points], "#7aa6c2"),
        ("orders that wait", [point.backlog + point.held for point in of.points], "#1f4e79"),
        ("age of the oldest, s", [point.oldest_seconds for point in of.points], "#b04a3a"),
    )
    for axis, (title, values, colour) in zip(axes, lines, strict=True):
        axis.fill_between(hours, values, step="post", color=colour, alpha=0.25)
        axis.step(hours, values, where="post", color=colour)
        axis.set_title(title, fontsize=10, loc="left")
        axis.set_ylim(bottom=0)
        axis.yaxis.set_major_formatter("{x:,.0f}")
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("hours" if begin is None else f"hours from {utc_text(begin)[:19]}Z on")
    axes[-1].set_xlim(0, hours[-1])
    drawing.tight_layout()
    try:
        drawing.savefig(file, format="png", dpi=110, metadata={"Software": None})
    except OSError as error:
        raise OrderstreamError(f"cannot write {file}: {error.strerror}") from None
    finally:
        pyplot.close(drawing)
