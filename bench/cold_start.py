"""From a new process to a handler that is ready, and to its first order stored; and the artifacts' sizes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.artifacts import ALL, Peer, megabytes
from bench.events import traffic
from bench.processes import Stub, Worker


def measure(
    *, rounds: int, progress: Callable[[str], None], peers: Sequence[Peer] = ALL
) -> list[dict[str, Any]]:
    """For each peer, with and without compiled modules: `ready_ms` and `first_ms`, medians of the rounds.

    The peers take turns in each round. `spread` is (most − least) / median of `ready_ms`.
    """
    kinds = [(peer, has_pyc) for has_pyc in (True, False) for peer in peers]
    ready: dict[tuple[Peer, bool], list[float]] = {kind: [] for kind in kinds}
    first: dict[tuple[Peer, bool], list[float]] = {kind: [] for kind in kinds}
    with Stub() as stub, tempfile.TemporaryDirectory() as folder:
        event = Path(folder) / "event.json"
        event.write_bytes(traffic(1, 60, seed=1).event)
        # The first round fills the page cache and does not count.
        for number in range(rounds + 1):
            progress(f"cold starts, round {number}")
            for peer, has_pyc in kinds:
                begin = time.perf_counter()
                artifact = peer.artifact if has_pyc else peer.without_pyc
                with Worker(artifact, peer.module, stub.port) as handler:
                    is_ready = time.perf_counter()
                    handler.handle(event)
                    if number:
                        ready[peer, has_pyc].append((is_ready - begin) * 1000)
                        first[peer, has_pyc].append((time.perf_counter() - begin) * 1000)
    return [
        {
            "peer": peer.name,
            "has_pyc": has_pyc,
            "ready_ms": median(ready[peer, has_pyc]),
            "first_ms": median(first[peer, has_pyc]),
            "spread": (max(ready[peer, has_pyc]) - min(ready[peer, has_pyc])) / median(ready[peer, has_pyc]),
            "artifact_mb": megabytes(peer.artifact if has_pyc else peer.without_pyc),
        }
        for peer, has_pyc in kinds
    ]
