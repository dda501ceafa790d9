"""Events of orders beside orders: what one costs the function, on one processor and with the waits of AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.artifacts import OURS, make
from bench.events import SIZES, lifecycle_traffic, traffic
from bench.harness import in_turns, progress, spread
from bench.processes import Stub, running_stub, worker
from bench.report import table
from orderstream.errors import OrderstreamError

KINDS = ("orders", "events")


def measure(rounds: int = 5, batch: int = 1000) -> dict[str, Any]:
    """Batches of orders and of first events of orders, in turns: without waiting, and with that of AWS."""
    make(OURS)
    figures = []
    with (
        running_stub() as stub,
        TemporaryDirectory() as folder,
        worker(OURS.module, stub.port, OURS.artifact()) as call,
    ):
        for waits in (False, True):

            def run(kind: str, number: int, waits: bool = waits) -> dict[str, Any]:
                return _round(stub, call, Path(folder), kind, batch, number, waits)

            for kind, results in in_turns(KINDS, rounds, run, warm_up=True).items():
                figures.append(_figures(kind, batch, waits, results))
    return {"figures": figures}


def _round(
    stub: Stub, call: Callable[..., Any], folder: Path, kind: str, batch: int, number: int, waits: bool
) -> dict[str, Any]:
    progress(f"{batch:,} {kind}{', with the waits of AWS' if waits else ''}, round {number}")
    file = folder / "event.json"
    is_order = kind == "orders"
    file.write_bytes(
        traffic(batch, SIZES[0], seed=number).event if is_order else lifecycle_traffic(batch, seed=number)
    )
    stub.begin(table_ms=5 * waits, bucket_ms=20 * waits)
    cost = call("handle", str(file))
    asked = stub.asked()
    done = asked["stored"] if is_order else min(asked["events"], asked["updates"])
    if asked["faults"] or cost["failed"] or done != batch:
        raise OrderstreamError(f"{done} of {batch} {kind}; {cost['failed']} failed; {asked['faults']}")
    return {**cost, **asked}


def _figures(kind: str, batch: int, waits: bool, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    cpu, wall = ([one[what] / batch * 1e6 for one in rounds] for what in ("cpu", "wall"))
    return {
        "kind": kind,
        "waits": waits,
        "batch": batch,
        "cpu_us": median(cpu),
        "cpu_spread": spread(cpu),
        "wall_us": median(wall),
        "wall_spread": spread(wall),
        "requests_per_1000": sum(rounds[0]["requests"].values()) / batch * 1000,
    }


def report(results: dict[str, Any]) -> Iterator[str]:
    """One table: orders and events, without and with waiting."""
    figures = results["figures"]
    orders = {one["waits"]: one for one in figures if one["kind"] == "orders"}
    yield table(
        f"Batches of {figures[0]['batch']:,} orders of {SIZES[0]} B, and of as many events",
        "| records | table / bucket | CPU µs/record | ± | wall µs/record | ± | records/s/core "
        "| requests/1,000 | times an order |",
        "| {kind} | {delay} | {cpu_us:,.0f} | {cpu_spread:.0%} | {wall_us:,.0f} | {wall_spread:.0%} "
        "| {rate:,.0f} | {requests_per_1000:,.0f} | {times:.1f} |",
        (
            one
            | {
                "delay": "5 / 20 ms" if one["waits"] else "0",
                "rate": 1e6 / one["cpu_us"],
                "times": one["wall_us" if one["waits"] else "cpu_us"]
                / orders[one["waits"]]["wall_us" if one["waits"] else "cpu_us"],
            }
            for one in figures
        ),
    )
