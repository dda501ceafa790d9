"""From a new process to a handler that is ready, and to its first order stored; and the artifacts' sizes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.artifacts import LABELS, NAIVE, OURS, Peer, megabytes, zipped_megabytes
from bench.events import traffic
from bench.harness import in_turns, progress, spread
from bench.processes import running_stub, worker
from bench.report import Target, table


def measure(rounds: int, peers: Sequence[Peer]) -> list[dict[str, Any]]:
    """Of each handler, with and without compiled modules: medians `ready_ms` and `first_ms`."""
    kinds = [(peer, has_pyc) for has_pyc in (True, False) for peer in peers if has_pyc or not peer.is_node]
    with running_stub() as stub, TemporaryDirectory() as folder:
        event = Path(folder) / "event.json"
        event.write_bytes(traffic(1, 60, seed=1).event)

        def start(kind: tuple[Peer, bool], number: int) -> tuple[float, float]:
            peer, has_pyc = kind
            progress(f"cold start of {peer.label}, round {number}")
            begin = time.perf_counter()
            with worker(peer.module, stub.port, peer.artifact(has_pyc=has_pyc)) as call:
                ready = time.perf_counter()
                call("handle", str(event))
                return (ready - begin) * 1000, (time.perf_counter() - begin) * 1000

        # The first round fills the page cache.
        found = in_turns(kinds, rounds, start)
    return [
        {
            "peer": peer.name,
            "has_pyc": has_pyc,
            "ready_ms": median(ready for ready, _ in times),
            "first_ms": median(first for _, first in times),
            "spread": spread([ready for ready, _ in times]),
            "artifact_mb": megabytes(peer.artifact(has_pyc=has_pyc)),
            "zipped_mb": zipped_megabytes(peer.artifact(has_pyc=has_pyc)),
        }
        for (peer, has_pyc), times in found.items()
    ]


def start_ms(starts: list[dict[str, Any]], what: str = "ready_ms", *, has_pyc: bool) -> dict[str, float]:
    """How long each handler takes to be ready, or to its first order (`first_ms`), by its name."""
    return {one["peer"]: one[what] for one in starts if one["has_pyc"] == has_pyc}


def report(starts: list[dict[str, Any]]) -> str:
    """The table."""
    naive = {has_pyc: start_ms(starts, has_pyc=has_pyc)[NAIVE.name] for has_pyc in (True, False)}
    return table(
        "Cold start",
        "| handler | .pyc | ready ms | ± | first order ms | artifact MB | zipped MB | ready, of (a) |",
        "| {label} | {pyc} | {ready_ms:.0f} | {spread:.0%} | {first_ms:.0f} "
        "| {artifact_mb:.1f} | {zipped_mb:.1f} | {share:.2f} |",
        (
            one
            | {"label": LABELS[one["peer"]], "pyc": "yes" if one["has_pyc"] else "no"}
            | {"share": one["ready_ms"] / naive[one["has_pyc"]]}
            for one in starts
        ),
    )


def targets(starts: list[dict[str, Any]]) -> Iterator[Target]:
    """See `report.targets`."""
    for kind, has_pyc, bound in (("with", True, 0.35), ("without", False, 1.0)):
        ready = start_ms(starts, has_pyc=has_pyc)
        share = ready[OURS.name] / ready[NAIVE.name]
        yield f"cold start, ours / (a), {kind} .pyc", share, "≤", bound, "{:.2f}"
    first = start_ms(starts, "first_ms", has_pyc=True)
    share = first[OURS.name] / first[NAIVE.name]
    yield "first order after a cold start, ours / (a)", share, "≤", 0.45, "{:.2f}"
    (ours,) = (one for one in starts if one["peer"] == OURS.name and one["has_pyc"])
    yield "artifact, unzipped", ours["artifact_mb"], "≤", 20, "{:.1f} MB"
    yield "artifact, zipped", ours["zipped_mb"], "≤", 4, "{:.1f} MB"
