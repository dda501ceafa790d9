"""How fast is the local cloud from producer to stored, and how much of that is MiniStack's own limit?

`python -m bench.laptop` prints orders a second from end to end beside what MiniStack alone takes, measured
in turns in one run; what each call of it costs; and the latency of orders that come at 100 a second.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import sample_orders
from bench.end_to_end import Through
from bench.ministack_ceiling import INSERT, PUT, Alone
from orderstream.client import OrderProducer
from orderstream.ingest.samples import Sample
from orderstream.ingest.send import SendStats, simulate
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port

ORDERS, ROUNDS = 10_000, 5
RATE, LATENCY_SECONDS = 100, 30
WINDOWS = (1, 0)

Progress = Callable[[str], None]


@contextmanager
def started(progress: Progress, parameters: Mapping[str, str] | None = None) -> Iterator[Through]:
    """A local cloud whose function has run before; anything that goes wrong in it is an error."""
    problems: list[str] = []
    with LocalCloud(
        port=free_port(), parameters=parameters or {}, progress=progress, problem=problems.append
    ) as laptop:
        yield Through(laptop)
    if problems:
        raise RuntimeError(f"the local cloud had problems: {problems}")


def measure(
    orders: int = ORDERS,
    rounds: int = ROUNDS,
    latency_orders: int = RATE * LATENCY_SECONDS,
    rate: float = RATE,
    windows: Sequence[int] = WINDOWS,
    progress: Progress = lambda step: None,
) -> dict[str, Any]:
    """Everything, by local clouds of its own: one for each batch window, in seconds.

    The first of them, which should be the template's default, takes `rounds` times `orders` as well.
    Rates are in a second, shares from 0 to 1, latencies in ms from arrival to stored.
    """
    found: dict[str, Any] = {}
    latency = []
    for number, window in enumerate(windows):
        with started(progress, {"BatchWindowSeconds": str(window)}) as through:
            progress(f"{latency_orders:,} orders at {rate:g}/s with a batch window of {window} s")
            latency.append({"window_seconds": window} | _latency(through, latency_orders, rate))
            if number == 0:
                found = _throughput(through, orders, rounds, progress)
            found["sent"] = found.get("sent", 0) + through.sent
            found["stored"] = found.get("stored", 0) + through.counted()
    return found | {"latency": latency}


def _throughput(through: Through, orders: int, rounds: int, progress: Progress) -> dict[str, Any]:
    alone = Alone(through.laptop)
    runs, calls = [], []
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}: {orders:,} orders, then the same by MiniStack alone")
        runs.append(through.orders(sample_orders.orders(orders, f"round{number}"), orders))
        calls.append(alone.costs(orders, f"round{number}"))
    rates = [orders / run.seconds for run in runs]
    puts, inserts = ([costs[call].per_second for costs in calls] for call in (PUT, INSERT))
    costs = {call: statistics.median(some[call].us for some in calls) for call in calls[0]}
    end_to_end = statistics.median(rates)
    bound = 1e6 / sum(costs.values())
    return {
        "orders": orders,
        "rounds": rounds,
        "end_to_end": _spread(rates),
        "put_records": _spread(puts),
        "insert_orders": _spread(inserts),
        "share_of_slower": end_to_end / min(statistics.median(puts), statistics.median(inserts)),
        "ministack_us_by_call": costs,
        "ministack_us": statistics.median(run.ministack / orders * 1e6 for run in runs),
        "function_us": statistics.median(run.functions / orders * 1e6 for run in runs),
        "ours_us": statistics.median(run.ours / orders * 1e6 for run in runs),
        "by_round": [
            {
                "end_to_end": rate,
                "share_of_slower": rate / min(put, insert),
                "processors_of_others": run.others / run.seconds,
            }
            for rate, put, insert, run in zip(rates, puts, inserts, runs, strict=True)
        ],
        "bound": bound,
        "share_of_bound": end_to_end / bound,
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def _latency(through: Through, count: int, rate: float) -> dict[str, float]:
    """Of so many orders at random moments, as the function measures it; it logs at most 100 of a batch."""
    traffic = (Sample("order", data, key) for data, key in sample_orders.orders(count, "trickle"))

    def send(producer: OrderProducer) -> None:
        simulate(producer, traffic, rate=rate, seconds=None, stop=threading.Event(), tally=SendStats())

    log = through.through(send, count).log
    latencies = sorted(latency for line in log for latency in line.ArrivalToStored)
    return {
        "orders": count,
        "measured": len(latencies),
        "batches": len(log),
        "p50_ms": percentile(latencies, 0.50),
        "p99_ms": percentile(latencies, 0.99),
    }


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that is not exceeded by more than `share` of all."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def show(found: Mapping[str, Any], console: Console) -> None:
    """Print the tables."""
    count = f"{found['rounds']} rounds of {found['orders']:,}"
    rates = Table("", "median", "least", "most", title=f"Orders a second on the local cloud, {count}")
    for name, label in (
        ("end_to_end", "producer to stored"),
        ("put_records", "MiniStack alone: PutRecords of 500"),
        ("insert_orders", "MiniStack alone: BatchExecuteStatement of 25"),
    ):
        rates.add_row(label, *(f"{found[name][key]:,.0f}" for key in ("median", "least", "most")))
    rates.add_row("share of the slower", f"{found['share_of_slower']:.0%}")
    costs = Table("", "µs an order", title="Processor time")
    for call, cost in found["ministack_us_by_call"].items():
        costs.add_row(f"MiniStack alone: {call}", f"{cost:.1f}")
    by_calls = sum(found["ministack_us_by_call"].values())
    costs.add_row("all of these", f"{by_calls:.1f}")
    costs.add_row("so at most orders/s", f"{found['bound']:,.0f}")
    costs.add_row("share of that", f"{found['share_of_bound']:.0%}", end_section=True)
    costs.add_row("end to end: MiniStack", f"{found['ministack_us']:.1f}")
    costs.add_row("end to end: function", f"{found['function_us']:.1f}")
    costs.add_row("end to end: event source and producer", f"{found['ours_us']:.1f}")
    waits = Table("batch window s", "orders", "batches", "p50 ms", "p99 ms", title="From arrival to stored")
    for row in found["latency"]:
        waits.add_row(
            str(row["window_seconds"]),
            *(f"{row[name]:,}" for name in ("orders", "batches", "p50_ms", "p99_ms")),
        )
    # Ours need more than one processor, and MiniStack alone does not: so others slow down one, not both.
    turns = Table("round", "orders/s", "share of the slower", "processors of others", title="By round")
    for number, row in enumerate(found["by_round"], start=1):
        share, others = row["share_of_slower"], row["processors_of_others"]
        turns.add_row(str(number), f"{row['end_to_end']:,.0f}", f"{share:.0%}", f"{others:.2f}")
    for table in (rates, turns, costs, waits):
        for column in table.columns[1:]:
            column.justify = "right"
        console.print(table)
    console.print(f"{found['stored']:,} of {found['sent']:,} orders are stored.")


def main() -> None:
    """Print it; status 1 if an order is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    errors = Console(stderr=True)
    found = measure(options.orders, options.rounds, progress=lambda step: errors.print(step, style="dim"))
    if options.json:
        print(json.dumps(found))
    else:
        show(found, Console())
    sys.exit(found["stored"] != found["sent"])


if __name__ == "__main__":
    main()
