"""How fast is the local cloud from producer to stored, and how much of that is MiniStack's own limit?

Orders a second from end to end beside what MiniStack alone takes, measured in turns; what each call of it
costs; and the latency of orders that come at 100 a second.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from statistics import median, quantiles
from typing import Any

from bench.end_to_end import EndToEnd, Run, all_of, orders
from bench.harness import local_cloud, progress, summary
from bench.ministack_alone import INSERT, PUT, Cost, MiniStackAlone
from bench.report import table, targets
from orderstream.client import OrderProducer
from orderstream.ingest.send import SendStats, simulate

RATE = 100
# The template's default comes first.
WINDOWS = [1, 0]


def measure(
    count: int = 10_000, rounds: int = 5, latency_count: int = 3000, windows: list[int] = WINDOWS
) -> dict[str, Any]:
    """A local cloud for each batch window, in seconds; the first takes `rounds` times `count` orders as well.

    Rates are a second, shares from 0 to 1, latencies in ms from arrival to stored.
    """
    found: dict[str, Any] = {"stored": 0, "latency": []}
    for window in windows:
        with local_cloud({"BatchWindowSeconds": str(window)}) as cloud:
            end_to_end = EndToEnd(cloud)
            progress(f"{latency_count:,} orders at {RATE}/s with a batch window of {window} s")
            found["latency"].append({"window_seconds": window} | _latency(end_to_end, latency_count))
            if window == windows[0]:
                alone = MiniStackAlone(cloud)
                pairs = [_round(end_to_end, alone, number, count) for number in range(1, rounds + 1)]
                found |= {"orders": count, "rounds": rounds} | _throughput(count, pairs)
            found["stored"] += end_to_end.check_all_stored()
    return found


def _round(
    end_to_end: EndToEnd, alone: MiniStackAlone, number: int, count: int
) -> tuple[Run, dict[str, Cost]]:
    progress(f"round {number}: {count:,} orders, then the same by MiniStack alone")
    name = f"round{number}"
    return end_to_end.run(all_of(orders(name, count)), count), alone.costs(name, count)


def _throughput(count: int, pairs: list[tuple[Run, dict[str, Cost]]]) -> dict[str, Any]:
    runs, costs = zip(*pairs, strict=True)
    rates = [count / run.seconds for run in runs]
    puts, inserts = ([cost[call].per_second for cost in costs] for call in (PUT, INSERT))
    us_by_call = {call: median(cost[call].us for cost in costs) for call in costs[0]}
    bound = 1e6 / sum(us_by_call.values())
    used = {name: median(run.used[name] / count * 1e6 for run in runs) for name in runs[0].used}
    return {
        "end_to_end": summary(rates),
        "put_records": summary(puts),
        "insert_orders": summary(inserts),
        "share_of_slower": median(rates) / min(median(puts), median(inserts)),
        "ministack_us_by_call": us_by_call,
        "ministack_us": used["MiniStack"],
        "function_us": used["function"],
        "ours_us": used["this process"],
        "by_round": [
            {
                "end_to_end": rate,
                "share_of_slower": rate / min(put, insert),
                "processors_of_others": run.used["others"] / run.seconds,
            }
            for rate, put, insert, run in zip(rates, puts, inserts, runs, strict=True)
        ],
        "bound": bound,
        "share_of_bound": median(rates) / bound,
    }


def _latency(end_to_end: EndToEnd, count: int) -> dict[str, float]:
    """Of orders at random moments, as the function measures it; it logs at most 100 of a batch."""

    def send(producer: OrderProducer) -> None:
        traffic, stop = orders("latency", count), threading.Event()
        simulate(producer, traffic, rate=RATE, seconds=None, stop=stop, tally=SendStats())

    log = end_to_end.run(send, count).log
    latencies = [latency for line in log for latency in line.latencies or ()]
    return {
        "orders": count,
        "measured": len(latencies),
        "batches": len(log),
        "p50_ms": median(latencies),
        "p99_ms": quantiles(latencies, n=100, method="inclusive")[98],
    }


def report(results: dict[str, Any]) -> Iterator[str]:
    """Rates, rounds, processor time, latencies."""
    rates = {
        "producer to stored": results["end_to_end"],
        "MiniStack alone: PutRecords of 500": results["put_records"],
        "MiniStack alone: BatchExecuteStatement of 25": results["insert_orders"],
    }
    yield table(
        f"Orders a second on the local cloud, {results['rounds']} rounds of {results['orders']:,}",
        "| | median | least | most |",
        "| {label} | {median:,.0f} | {least:,.0f} | {most:,.0f} |",
        ({"label": label} | rate for label, rate in rates.items()),
    )
    yield f"From producer to stored, that is {results['share_of_slower']:.0%} of the slower of the two calls."
    # End to end needs more than one processor, and MiniStack alone does not: other load slows down one only.
    yield table(
        "By round",
        "| round | orders/s | share of the slower | processors of others |",
        "| {number} | {end_to_end:,.0f} | {share_of_slower:.0%} | {processors_of_others:.2f} |",
        ({"number": number} | row for number, row in enumerate(results["by_round"], start=1)),
    )
    by_call = {f"MiniStack alone: {call}": us for call, us in results["ministack_us_by_call"].items()}
    by_part = {
        "all of these": sum(by_call.values()),
        "end to end: MiniStack": results["ministack_us"],
        "end to end: function": results["function_us"],
        "end to end: event source and producer": results["ours_us"],
    }
    yield table(
        "Processor time",
        "| | µs an order |",
        "| {label} | {us:.1f} |",
        ({"label": label, "us": us} for label, us in (by_call | by_part).items()),
    )
    yield (
        f"All of these calls, one after another, allow {results['bound']:,.0f} orders/s at most. "
        f"From producer to stored, {results['share_of_bound']:.0%} of that are reached."
    )
    yield table(
        "From arrival to stored",
        "| batch window s | orders | batches | p50 ms | p99 ms |",
        "| {window_seconds} | {orders:,} | {batches:,} | {p50_ms:,.0f} | {p99_ms:,.0f} |",
        results["latency"],
    )
    share = results["share_of_slower"]
    bounds: list[tuple[str, float, str, float, str]] = [
        ("end to end / the slower of MiniStack's calls", share, "≥", 0.7, "{:.0%}")
    ]
    for one in results["latency"]:
        if one["window_seconds"] == 0:
            bounds += [
                ("arrival to stored without a window: p50", one["p50_ms"], "≤", 60, "{:.0f} ms"),
                ("arrival to stored without a window: p99", one["p99_ms"], "≤", 200, "{:.0f} ms"),
            ]
    yield targets(bounds)
    yield f"All {results['stored']:,} orders are stored."
