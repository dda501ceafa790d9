"""What was aimed at, held against what was measured in the same run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

BATCH = 1000


@dataclass(frozen=True)
class Target:
    """One aim: the figure as measured and its bound, both as they are printed, and whether it is met."""

    name: str
    measured: str
    bound: str
    is_met: bool


def targets(results: dict[str, Any], batch: int = BATCH) -> list[Target]:
    """All targets that the results have figures for; handlers are compared at `batch` orders a batch."""
    return list(_of_all(results, batch))


def _of_all(results: dict[str, Any], batch: int) -> Iterator[Target]:
    if "handlers" in results:
        yield from _of_handlers(results["handlers"], batch)
    if "cold_starts" in results:
        yield from _of_cold_starts(results["cold_starts"])
    if "producer" in results:
        yield from _of_producer(results["producer"])
    if "laptop" in results:
        yield from _of_laptop(results["laptop"])


def figure(handlers: dict[str, Any], peer: str, *, batch: int, size: int, waits: bool) -> dict[str, Any]:
    """The figures of a handler in one setting. Raises StopIteration where there are none."""
    found: dict[str, Any] = next(
        one
        for one in handlers["figures"]
        if one["peer"] == peer
        and (one["setting"]["batch"], one["setting"]["size"]) == (batch, size)
        and bool(one["setting"]["table_ms"]) == waits
    )
    return found


def _of_handlers(handlers: dict[str, Any], batch: int) -> Iterator[Target]:
    def both(size: int, *, waits: bool) -> list[dict[str, Any]]:
        peers = ("naive", "orderstream")
        return [figure(handlers, peer, batch=batch, size=size, waits=waits) for peer in peers]

    for what, waits, bounds in (("cpu", False, {60: 50, 600: 40}), ("wall", True, {60: 250, 600: 100})):
        for size, bound in bounds.items():
            naive, ours = both(size, waits=waits)
            ratio = naive[f"{what}_us"] / ours[f"{what}_us"]
            where = "5/20 ms" if waits else "0 ms"
            name = f"{what} of (a) / ours, {size} B, {where}"
            yield Target(name, f"{ratio:.1f} ×", f"≥ {bound} ×", ratio >= bound)
    for size in (60, 600):
        naive, ours = both(size, waits=True)
        requests = ours["requests_per_1000"]
        yield Target(f"requests for 1,000 orders, {size} B", f"{requests:.0f}", "≤ 45", requests <= 45)
        ratio = float(naive["dollars_per_million"]) / float(ours["dollars_per_million"])
        yield Target(f"dollars of (a) / ours, {size} B", f"{ratio:.1f} ×", "≥ 8 ×", ratio >= 8)
    peak = handlers["peak_mb"]["orderstream"]
    yield Target("memory with the largest event", f"{peak:.0f} MB", "≤ 256 MB", peak <= 256)


def _of_cold_starts(starts: list[dict[str, Any]]) -> Iterator[Target]:
    for has_pyc in (True, False):
        ready = {one["peer"]: one["ready_ms"] for one in starts if one["has_pyc"] == has_pyc}
        for peer, label, bound in (("naive", "(a)", 1.0), ("textbook", "(b)", 0.55)):
            share = ready["orderstream"] / ready[peer]
            kind = "with" if has_pyc else "without"
            yield Target(
                f"cold start, ours / {label}, {kind} .pyc", f"{share:.2f}", f"≤ {bound:g}", share <= bound
            )
    size = next(one["artifact_mb"] for one in starts if one["peer"] == "orderstream" and one["has_pyc"])
    yield Target("artifact, unzipped", f"{size:.1f} MB", "≤ 20 MB", size <= 20)


def _of_producer(producer: dict[str, Any]) -> Iterator[Target]:
    for one in producer["shares"]:
        share = one["share"]
        yield Target(f"producer / raw PutRecords: {one['label']}", f"{share:.0%}", "≥ 80 %", share >= 0.8)


def _of_laptop(laptop: dict[str, Any]) -> Iterator[Target]:
    share = laptop["share_of_slower"]
    yield Target("end to end / MiniStack's slower ceiling", f"{share:.0%}", "≥ 70 %", share >= 0.7)
