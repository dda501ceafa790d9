"""The function beside other handlers: processor time, wall, requests, dollars and memory an order.

All handlers get the same events, in turns, in one run. After each round the stub tells what it was asked, and
a handler that left anything out is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from reference import PROJECT

from bench import cold_starts
from bench.artifacts import LABELS, NAIVE, OURS, PEERS, Peer, here, make
from bench.events import SIZES, traffic
from bench.harness import in_turns, progress, spread
from bench.processes import Stub, memory_mb, running_stub, worker
from bench.report import Target, table, targets
from orderstream.capacity.reference_data import ReferenceData
from orderstream.errors import OrderstreamError

# Orders a batch, as the template has it; the targets are about such batches.
BATCH = 1000
BATCHES = [100, BATCH, 10_000]

# Orders a batch, bytes an order, and how long table and bucket take to answer.
Setting = dict[str, int]
# What calls a function in the handler's process.
Workers = dict[Peer, Callable[..., Any]]


def setting_of(batch: int, size: int, *, waits: bool = False) -> Setting:
    """A setting, in which table and bucket answer at once or as on AWS."""
    return {"batch": batch, "size": size, "table_ms": 5 * waits, "bucket_ms": 20 * waits}


class Part(Enum):
    """A part of this benchmark, for `--only`."""

    HANDLERS = "handlers"
    COSTS = "costs"
    STARTS = "starts"


def measure(rounds: int = 5, batches: list[int] = BATCHES, only: list[Part] = []) -> dict[str, Any]:  # noqa: B006
    """All handlers in all settings, the memory for the largest event, the function's costs, cold starts.

    With `only`, just these parts: the results have no figures of others, so none is reported or judged.
    """
    parts = only or list(Part)
    peers = here(PEERS)
    found: dict[str, Any] = {"skipped": [peer.label for peer in PEERS if peer not in peers]}
    if only:
        found["only"] = [part.value for part in only]
    for peer in peers:
        progress(f"building the artifact of {peer.label}")
        make(peer)
    if Part.HANDLERS in parts:
        found |= compare(rounds, batches, peers)
    if Part.COSTS in parts:
        found |= function_costs(rounds)
    if Part.STARTS in parts:
        found["starts"] = cold_starts.measure(3 * rounds, peers)
    return found


def compare(rounds: int, batches: Sequence[int], peers: Sequence[Peer]) -> dict[str, Any]:
    """`figures` of each handler in each setting, times in µs an order; and `peak_mb` by handler."""
    for peer in peers:
        make(peer)
    settings = [setting_of(batch, size) for batch in batches for size in SIZES]
    waiting = BATCH if BATCH in batches else batches[0]
    settings += [setting_of(waiting, size, waits=True) for size in SIZES]
    figures: list[dict[str, Any]] = []
    with running_stub() as stub, ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        workers = {
            peer: stack.enter_context(worker(peer.module, stub.port, peer.artifact())) for peer in peers
        }
        for setting in settings:
            # The slow handlers take half a minute for a round of waiting.
            is_long = setting["table_ms"] or setting["batch"] > BATCH
            run = partial(_round, stub, workers, setting, folder)
            count = min(rounds, 3) if is_long else rounds
            found = in_turns(peers, count, run, warm_up=not setting["table_ms"])
            figures += [_figures(peer, setting, results) for peer, results in found.items()]
        peaks = {peer.name: _peak(stub, folder, peer, max(batches)) for peer in peers}
    return {"figures": figures, "peak_mb": peaks}


def _round(
    stub: Stub, workers: Workers, setting: Setting, folder: Path, peer: Peer, number: int
) -> dict[str, Any]:
    progress(f"{setting['batch']:,} × {setting['size']} B: {peer.label}, round {number}")
    expected = traffic(setting["batch"], setting["size"], seed=number)
    event = folder / "event.json"
    event.write_bytes(expected.event)
    stub.begin(table_ms=setting["table_ms"], bucket_ms=setting["bucket_ms"])
    cost = workers[peer]("handle", str(event))
    asked = stub.asked()
    faults = list(asked["faults"])
    for what in ("stored", "archived"):
        if asked[what] != expected.orders or Decimal(asked[f"{what}_amount"]) != expected.amount:
            faults.append(f"{asked[what]} {what} of {expected.orders}")
    if faults or cost["failed"]:
        raise OrderstreamError(f"{peer.label} did not process all: {'; '.join(faults)}")
    return {**cost, **asked, "orders": expected.orders}


def _figures(peer: Peer, setting: Setting, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    first, orders = rounds[0], rounds[0]["orders"]
    cpu, wall, parse = ([one[what] / orders * 1e6 for one in rounds] for what in ("cpu", "wall", "parse"))
    return {
        "peer": peer.name,
        "setting": setting,
        "rounds": len(rounds),
        "orders": orders,
        "cpu_us": median(cpu),
        "cpu_spread": spread(cpu),
        "wall_us": median(wall),
        "wall_spread": spread(wall),
        "parse_us": median(parse),
        "requests_per_1000": sum(first["requests"].values()) / orders * 1000,
        "write_units_per_order": first["write_units"] / orders,
        "dollars_per_million": float(_dollars(first, median(wall) * orders / 1e6) / orders * 1_000_000),
    }


def _dollars(asked: dict[str, Any], seconds: float) -> Decimal:
    """Dollars for a batch: table writes, object writes and Lambda's time."""
    list_price = ReferenceData()
    billed_seconds = Decimal(-(-seconds * 1000 // 1)) / 1000
    return Decimal(
        asked["write_units"] * list_price.dynamodb_prices.write_million / 1_000_000
        + asked["requests"].get("PutObject", 0) * list_price.s3_prices.put_thousand / 1000
        + list_price.lambda_prices.request_million / 1_000_000
        + billed_seconds * memory_mb() / 1024 * list_price.lambda_prices.gb_second
    )


def _peak(stub: Stub, folder: Path, peer: Peer, batch: int) -> float:
    """The most memory of a process that handles nothing but the largest event."""
    peaks = []
    for size in SIZES:
        with worker(peer.module, stub.port, peer.artifact()) as call:
            found = _round(stub, {peer: call}, setting_of(batch, size), folder, peer, 99)
            peaks.append(float(found["peak_mb"]))
    return max(peaks)


def function_costs(rounds: int) -> dict[str, Any]:
    """By size: the `breakdown` of the function's time, and what its `choices` save.

    These vary more and take less time than handlers do, so they have more than `rounds`.
    """
    found: dict[str, Any] = {"breakdown": [], "choices": []}
    with running_stub() as stub:
        for size in SIZES:
            progress(f"where the function's time goes, {size} B")
            with worker("bench.function_costs", stub.port, OURS.artifact(), PROJECT) as call:
                stub.begin()
                found["breakdown"].append({"size": size} | call("breakdown", size, 3 * rounds))
                choices = call("processor_choices", size, rounds + 2)
                stub.begin(table_ms=5, bucket_ms=20)
                choices += call("waiting_choices", size, rounds + 2)
                found["choices"] += [{"size": size} | choice for choice in choices]
    return found


def figure(results: dict[str, Any], peer: Peer, size: int, *, waits: bool) -> dict[str, Any]:
    """The figures of a handler for orders of `size` bytes, in batches as in the settings that wait."""
    batch = results["figures"][-1]["setting"]["batch"]
    wanted = (peer.name, setting_of(batch, size, waits=waits))
    (found,) = (dict(one) for one in results["figures"] if (one["peer"], one["setting"]) == wanted)
    return found


def report(results: dict[str, Any]) -> Iterator[str]:
    """The tables of what was measured, and the targets for it."""
    for label in results.get("skipped", ()):
        yield f"**Not measured: {label}.** Node.js or npm is missing on this machine."
    judged: list[Target] = []
    if "figures" in results:
        yield from _comparison(results)
        judged += _targets(results)
    if "breakdown" in results:
        yield from _costs(results)
    if "starts" in results:
        yield cold_starts.report(results["starts"])
        judged += cold_starts.targets(results["starts"])
    if judged:
        yield targets(judged)


def _comparison(results: dict[str, Any]) -> Iterator[str]:
    """A table for each setting, and the memory."""
    figures = results["figures"]
    for first in (one for one in figures if one["peer"] == figures[0]["peer"]):
        setting, what, waits = first["setting"], "cpu_us", ""
        if setting["table_ms"]:
            what, waits = "wall_us", f", {setting['table_ms']} ms table / {setting['bucket_ms']} ms bucket"
        yield table(
            f"{first['orders']:,} orders of {setting['size']} B{waits}",
            "| handler | CPU µs/order | ± | wall µs/order | ± | orders/s/core "
            "| requests/1,000 | $/million | times (a) |",
            "| {label} | {cpu_us:,.1f} | {cpu_spread:.0%} | {wall_us:,.1f} | {wall_spread:.0%} | {rate:,.0f} "
            "| {requests_per_1000:,.0f} | {dollars_per_million:.3f} | {times:.1f} |",
            (
                one
                | {
                    "label": LABELS[one["peer"]],
                    "rate": 1e6 / one["cpu_us"],
                    "times": first[what] / one[what],
                }
                for one in figures
                if one["setting"] == setting
            ),
        )
    parse = max(one["parse_us"] for one in figures)
    yield f"The runtime's own parsing of the event is not included: {parse:.1f} µs an order at most."
    peaks = ", ".join(f"{LABELS[name]} {peak:.0f} MB" for name, peak in results["peak_mb"].items())
    yield f"Most memory of a process that handles one event of the largest kind: {peaks}."


def _costs(results: dict[str, Any]) -> Iterator[str]:
    """The breakdown and the choices."""
    yield table(
        "Where the time goes, CPU µs an order; call: with a body that is ready",
        "| size | unpack | decode | archive | render | sign | call | call of botocore "
        "| and without its HTTP session |",
        "| {size} B | {unpack:.1f} | {decode:.1f} | {archive:.1f} | {render:.1f} | {sign:.1f} | {call:.1f} "
        "| {call_of_botocore:.1f} | {botocore_without_session:.1f} |",
        results["breakdown"],
    )
    yield table(
        "What each choice saves, µs an order",
        "| choice | size | of | without | with | times |",
        "| {choice} | {size} B | {what} | {before:.1f} | {after:.1f} | {times:.2f} |",
        (one | {"times": one["before"] / one["after"]} for one in results["choices"]),
    )


def _targets(results: dict[str, Any]) -> Iterator[Target]:
    for what, waits, bounds in (("cpu", False, (75, 45)), ("wall", True, (400, 250))):
        for size, bound in zip(SIZES, bounds, strict=True):
            naive, ours = (figure(results, peer, size, waits=waits)[f"{what}_us"] for peer in (NAIVE, OURS))
            name = f"{what} of (a) / ours, {size} B, {'5/20' if waits else '0'} ms"
            yield name, naive / ours, "≥", bound, "{:.1f} ×"
    for size in SIZES:
        naive, ours = (figure(results, peer, size, waits=True) for peer in (NAIVE, OURS))
        yield f"requests for 1,000 orders, {size} B", ours["requests_per_1000"], "≤", 45, "{:.0f}"
        ratio = naive["dollars_per_million"] / ours["dollars_per_million"]
        yield f"dollars of (a) / ours, {size} B", ratio, "≥", 8, "{:.1f} ×"
    yield "memory with the largest event", results["peak_mb"][OURS.name], "≤", 256, "{:.0f} MB"
