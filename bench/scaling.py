"""Does an order's time or the memory grow with the number of orders? Each size in a process of its own.

`python -m bench.scaling` sends 10,000 and 100,000 orders through the local cloud, and takes up to 1,000,000
through the archive reader, `orders stack verify` and the compaction of an hour. MiniStack keeps and walks
through all that it ever got, so what it takes alone is measured at each size too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from bench import sample_orders
from bench.laptop import started
from bench.ministack_ceiling import INSERT, PUT, Alone
from bench.proc_stats import children, peak_mb
from bench.synthetic_account import Archived, Generated
from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.recovery.verify import verify
from orderstream.storage import bucket, parquet, reader

LAPTOP_SIZES = (10_000, 100_000)
STREAM_SIZES = (10_000, 100_000, 1_000_000)
# Small sizes take seconds, and vary most: so many rounds, while they come to no more orders than this.
ROUNDS, ORDERS_FOR_ROUNDS = 3, 100_000
# Less than any of the sizes, so that what waits in the producer is the same for each.
BUFFER_BYTES = 2 * 1024 * 1024

_RESOURCES = {"StreamName": "S", "TableName": "T", "ArchiveBucket": "bucket", "FunctionName": "F"}


def _deployment(account: object) -> Deployment:
    return Deployment(cast(AwsClients, account), "test", _RESOURCES)


def laptop(orders: int) -> dict[str, float]:
    """Orders through a local cloud of their own; `us` are microseconds an order, and so is what is alone."""
    with started(lambda step: None) as through:
        through.buffer_bytes = BUFFER_BYTES
        before = peak_mb(os.getpid())
        run = through.orders(sample_orders.orders(orders, "growth"), orders)
        found = {
            "us": run.seconds / orders * 1e6,
            "peak_mb": peak_mb(os.getpid()),
            "start_mb": before,
            "function_mb": max(peak_mb(child) for child in children(through.ministack)),
            "ministack_mb": peak_mb(through.ministack),
        }
        costs = Alone(through.laptop).costs(orders, "growth")
        if through.counted() != through.sent:
            raise RuntimeError(f"{through.counted()} of {through.sent} orders are stored")
    puts, inserts = costs[PUT].per_second, costs[INSERT].per_second
    alone = {"put_records_us": 1e6 / puts, "insert_us": 1e6 / inserts}
    shares = {
        "share_of_slower": 1e6 / found["us"] / min(puts, inserts),
        "share_of_bound": sum(cost.us for cost in costs.values()) / found["us"],
    }
    return found | alone | shares


def archive_reader(orders: int) -> dict[str, float]:
    """All lines of an archive of so many orders, a multiple of a batch's, in this process."""
    deployment = _deployment(Archived(orders))

    def read() -> None:
        lines = sum(1 for _ in reader.lines(deployment, bucket.archive(deployment)))
        assert lines == orders

    return _timed(read, orders)


def verifier(orders: int) -> dict[str, float]:
    """`orders stack verify` of so many orders, in this process."""

    def run() -> None:
        report = verify(_deployment(Generated(orders)))
        assert report.discrepancies == (), report.discrepancies[:3]
        assert report.counts.archived == orders
        assert report.counts.stored + report.counts.invalid == orders

    return _timed(run, orders)


def compactor(orders: int) -> dict[str, float]:
    """The lines of so many orders, as if of one hour, into a Parquet file and out of it again."""
    deployment = _deployment(Generated(orders))

    def compact() -> None:
        with TemporaryDirectory(prefix="orderstream-bench-") as folder:
            file = Path(folder) / "hour.parquet"
            found = parquet.write(file, reader.lines(deployment, bucket.archive(deployment)), "EUR")
            back = sum(1 for _ in parquet.by_place(file))
            assert (found, back) == (orders, orders)

    return _timed(compact, orders)


def _timed(work: Callable[[], None], orders: int) -> dict[str, float]:
    before = peak_mb(os.getpid())
    begin = time.perf_counter()
    work()
    seconds = time.perf_counter() - begin
    return {"us": seconds / orders * 1e6, "peak_mb": peak_mb(os.getpid()), "start_mb": before}


PARTS: Mapping[str, Callable[[int], dict[str, float]]] = {
    "laptop": laptop,
    "reader": archive_reader,
    "verify": verifier,
    "compaction": compactor,
}


def measure(
    laptop_sizes: Sequence[int] = LAPTOP_SIZES,
    stream_sizes: Sequence[int] = STREAM_SIZES,
    parts: Sequence[str] = tuple(PARTS),
    rounds: int = ROUNDS,
    progress: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:
    """For each part a row for each size, medians, in rising order; and `growth`, each figure's last by first.

    Sizes take turns, so that whatever else the machine does is not all one size's.
    """
    found: dict[str, Any] = {}
    for part in parts:
        sizes = sorted(laptop_sizes if part == "laptop" else stream_sizes)
        runs: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
        for number in range(rounds):
            for size in sizes:
                if number == 0 or size * (number + 1) <= ORDERS_FOR_ROUNDS:
                    progress(f"{part}: {size:,} orders, round {number + 1}")
                    runs[size].append(_alone(part, size))
        rows = [{"orders": size, "rounds": len(some)} | _medians(some) for size, some in runs.items()]
        growth = {name: rows[-1][name] / rows[0][name] for name in runs[sizes[0]][0]}
        found[part] = {"sizes": rows, "growth": growth}
    return found


def _alone(part: str, orders: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.scaling", "--one", part, "--orders", str(orders)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    found: dict[str, float] = json.loads(said)
    return found


def _medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


_TITLES = {
    "laptop": "Orders through the local cloud",
    "reader": "Reading the archive",
    "verify": "orders stack verify",
    "compaction": "Compacting one hour",
}
# What a figure is called, and how it is printed.
_FIGURES = {
    "us": ("µs an order", "{:,.1f}"),
    "put_records_us": ("MiniStack alone: PutRecords, µs", "{:,.1f}"),
    "insert_us": ("MiniStack alone: inserts, µs", "{:,.1f}"),
    "share_of_slower": ("share of the slower of the two", "{:.0%}"),
    "share_of_bound": ("share of all that it must do for an order", "{:.0%}"),
    "start_mb": ("our process at the start, MB", "{:,.0f}"),
    "peak_mb": ("our process at most, MB", "{:,.0f}"),
    "function_mb": ("the function at most, MB", "{:,.0f}"),
    "ministack_mb": ("MiniStack at most, MB", "{:,.0f}"),
}


def show(found: Mapping[str, Any], console: Console) -> None:
    """Print a table for each part."""
    for part, measured in found.items():
        sizes = [f"{row['orders']:,}" for row in measured["sizes"]]
        table = Table("orders", *sizes, "last by first", title=_TITLES[part])
        for column in table.columns[1:]:
            column.justify = "right"
        for name, (label, form) in _FIGURES.items():
            if name in measured["growth"]:
                cells = (form.format(row[name]) for row in measured["sizes"])
                table.add_row(label, *cells, f"{measured['growth'][name]:.2f}")
        console.print(table)


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", choices=tuple(PARTS), default=tuple(PARTS))
    parser.add_argument("--orders", type=int, nargs="*", help="sizes, in place of the usual ones")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", choices=tuple(PARTS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(PARTS[options.one](options.orders[0])))
        return
    errors = Console(stderr=True)
    found = measure(
        options.orders or LAPTOP_SIZES,
        options.orders or STREAM_SIZES,
        options.parts,
        options.rounds,
        progress=lambda step: errors.print(step, style="dim"),
    )
    if options.json:
        print(json.dumps(found))
    else:
        show(found, Console())


if __name__ == "__main__":
    main()
