"""The function beside its peers: processor time, wall, requests, dollars and memory an order.

All handlers get the same events, in turn, in one run; a figure is the median of its rounds. After each round
the stub tells what was asked of it, and a handler that left anything out is an error.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

from bench.artifacts import ALL, Peer
from bench.events import SIZES, Traffic, traffic
from bench.processes import Stub, Worker, memory_mb
from orderstream.aws.pricing import prices
from orderstream.errors import OrderstreamError

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Setting:
    """What a round is: orders a batch, bytes an order, and how long table and bucket take to answer."""

    batch: int
    size: int
    table_ms: float = 0
    bucket_ms: float = 0

    def __str__(self) -> str:
        latency = f", {self.table_ms:g}/{self.bucket_ms:g} ms" if self.table_ms else ""
        return f"{self.batch:,} × {self.size} B{latency}"


@dataclass(frozen=True)
class Figures:
    """Of one handler in one setting. Times are µs an order; `spread` is (most − least) / median of them."""

    peer: str
    setting: Setting
    rounds: int
    orders: int
    cpu_us: float
    cpu_spread: float
    wall_us: float
    wall_spread: float
    parse_us: float
    requests_per_1000: float
    bytes_per_order: float
    write_units_per_order: float
    dollars_per_million: str


def measure(
    *,
    rounds: int,
    batches: Sequence[int],
    target_batch: int,
    progress: Progress,
    peers: Sequence[Peer] = ALL,
) -> dict[str, Any]:
    """All handlers in all settings: `figures` (Figures as dicts), and `peak_mb` of the largest event."""
    settings = [Setting(batch, size) for batch in batches for size in SIZES]
    waiting = [Setting(target_batch, size, table_ms=5, bucket_ms=20) for size in SIZES]
    figures: list[Figures] = []
    with Stub() as stub, ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        workers = {peer: stack.enter_context(_worker(peer, stub)) for peer in peers}
        for setting in settings + waiting:
            # The slow peers take half a minute for what a round of waiting costs them.
            count = 3 if setting.table_ms or setting.batch > target_batch else rounds
            found: dict[Peer, list[dict[str, Any]]] = {peer: [] for peer in peers}
            # The first round warms up and does not count.
            for number in range(count + (not setting.table_ms)):
                with _event(folder, setting, seed=number) as (event, expected):
                    for peer in peers:
                        progress(f"{setting}: {peer.label}, round {number + 1}")
                        told = _round(stub, workers[peer], setting, event, expected)
                        if number or setting.table_ms:
                            found[peer].append(told)
            figures += [_figures(peer, setting, found[peer]) for peer in peers]
        peaks = {peer.name: _peak(stub, folder, peer, max(batches)) for peer in peers}
    return {"figures": [asdict(one) for one in figures], "peak_mb": peaks}


def _worker(peer: Peer, stub: Stub) -> Worker:
    return Worker(peer.artifact, peer.module, stub.port)


@contextmanager
def _event(folder: Path, setting: Setting, seed: int) -> Iterator[tuple[Path, Traffic]]:
    expected = traffic(setting.batch, setting.size, seed=seed)
    path = folder / f"{setting.batch}-{setting.size}-{seed}.json"
    path.write_bytes(expected.event)
    yield path, expected
    path.unlink()


def _round(stub: Stub, handler: Worker, setting: Setting, event: Path, expected: Traffic) -> dict[str, Any]:
    stub.begin(table_ms=setting.table_ms, bucket_ms=setting.bucket_ms)
    cost = handler.handle(event)
    asked = stub.asked()
    faults = list(asked["faults"])
    for what in ("stored", "archived"):
        if asked[what] != expected.orders or Decimal(asked[f"{what}_amount"]) != expected.amount:
            faults.append(f"{asked[what]} {what} of {expected.orders}")
    if faults or cost["failed"]:
        raise OrderstreamError(f"{setting}: the handler did not do its work: {'; '.join(faults)}")
    return {**cost, **asked, "orders": expected.orders}


def _figures(peer: Peer, setting: Setting, rounds: list[dict[str, Any]]) -> Figures:
    orders = rounds[0]["orders"]
    cpu = [one["cpu"] / orders * 1e6 for one in rounds]
    wall = [one["wall"] / orders * 1e6 for one in rounds]
    first = rounds[0]
    return Figures(
        peer.name,
        setting,
        len(rounds),
        orders,
        median(cpu),
        _spread(cpu),
        median(wall),
        _spread(wall),
        median(one["parse"] / orders * 1e6 for one in rounds),
        sum(first["requests"].values()) / orders * 1000,
        first["bytes"] / orders,
        first["write_units"] / orders,
        str(_dollars(first, orders, wall_seconds=median(one["wall"] for one in rounds))),
    )


def _spread(values: list[float]) -> float:
    return (max(values) - min(values)) / median(values)


def _dollars(asked: dict[str, Any], orders: int, *, wall_seconds: float) -> Decimal:
    """Dollars for a million orders in such batches: table writes, object writes and Lambda's time."""
    list_price = prices()
    milliseconds = -(-wall_seconds * 1000 // 1)
    seconds = Decimal(milliseconds) / 1000
    batch: Decimal = (
        asked["write_units"] * list_price["dynamodb"]["write_million"] / 1_000_000
        + asked["requests"].get("PutObject", 0) * list_price["s3"]["put_thousand"] / 1000
        + list_price["lambda"]["request_million"] / 1_000_000
        + seconds * memory_mb() / 1024 * list_price["lambda"]["gb_second"]
    )
    return Decimal(batch / orders * 1_000_000).quantize(Decimal("0.001"))


def _peak(stub: Stub, folder: Path, peer: Peer, batch: int) -> float:
    """The most memory of a process that handles nothing but the largest event."""
    peaks = []
    for size in SIZES:
        setting = Setting(batch, size)
        with _event(folder, setting, seed=99) as (event, expected), _worker(peer, stub) as handler:
            peaks.append(float(_round(stub, handler, setting, event, expected)["peak_mb"]))
    return max(peaks)
