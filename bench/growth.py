"""Does an order's time or the memory grow with the number of orders? Each size in a process of its own.

MiniStack keeps and walks through all that it ever got, so what it takes alone is measured at each size too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any, cast

from bench import producer
from bench.end_to_end import EndToEnd, all_of, orders
from bench.harness import local_cloud, progress
from bench.ministack_alone import INSERT, MiniStackAlone
from bench.proc_stats import children, peak_mb
from bench.processes import new_process
from bench.report import table
from bench.synthetic_account import Archived, Generated
from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.recovery.verify import verify
from orderstream.storage import bucket, reader

CLOUD_SIZES = [10_000, 100_000]
SIZES = [10_000, 100_000, 1_000_000]
# Small sizes take seconds, and vary most: so many rounds, while they come to no more orders than this.
ROUNDS, ORDERS_FOR_ROUNDS = 3, 100_000
# Less than any of the sizes, so that the producer buffers the same for each.
BUFFER_BYTES = 2 * 1024 * 1024

# By the label of the row.
Figures = dict[str, float]


def through_local_cloud(count: int) -> Figures:
    """Orders through a local cloud of their own, and the inserts by its MiniStack alone."""
    with local_cloud() as cloud:
        end_to_end = EndToEnd(cloud, BUFFER_BYTES)
        run = end_to_end.run(all_of(orders("growth", count)), count)
        found = {
            "producer and event source at most, MB": peak_mb(os.getpid()),
            "the function at most, MB": max(peak_mb(child) for child in children(end_to_end.ministack)),
        }
        inserts = MiniStackAlone(cloud).costs("growth", count)[INSERT]
        end_to_end.check_all_stored()
    return {
        "local cloud, µs an order": run.seconds / count * 1e6,
        "MiniStack alone, inserts, µs an order": 1e6 / inserts.per_second,
    } | found


def archive_reader(count: int) -> Figures:
    """All lines of an archive of so many orders, a multiple of a batch's, in this process."""
    deployment = _deployment(Archived(count))

    def read() -> None:
        assert sum(1 for _ in reader.lines(deployment, bucket.archive(deployment))) == count

    return _timed("reading the archive", read, count)


def verifier(count: int) -> Figures:
    """`orders stack verify` of so many orders, in this process."""

    def run() -> None:
        report = verify(_deployment(Generated(count)))
        assert report.discrepancies == (), report.discrepancies[:3]
        assert report.counts.archived == count
        assert report.counts.stored + report.counts.invalid == count

    return _timed("`orders stack verify`", run, count)


def _deployment(account: Generated) -> Deployment:
    names = {"StreamName": "S", "TableName": "T", "ArchiveBucket": "bucket", "FunctionName": "F"}
    return Deployment(cast(AwsClients, account), "test", names)


def _timed(name: str, work: Callable[[], None], count: int) -> Figures:
    begin = time.perf_counter()
    work()
    seconds = time.perf_counter() - begin
    return {f"{name}, µs an order": seconds / count * 1e6, f"{name} at most, MB": peak_mb(os.getpid())}


def measure(
    cloud_sizes: list[int] = CLOUD_SIZES, sizes: list[int] = SIZES, rounds: int = ROUNDS
) -> dict[str, Any]:
    """`rows` by label, with a figure for each size."""
    rows: dict[str, dict[str, float]] = {}
    parts = ((through_local_cloud, cloud_sizes), (archive_reader, sizes), (verifier, sizes))
    for part, its_sizes in parts:
        for count, figures in _medians(part, sorted(its_sizes), rounds).items():
            for label, figure in figures.items():
                rows.setdefault(label, {})[str(count)] = figure
    for one in producer.files(sizes, rounds):
        size = str(one["lines"])
        rows.setdefault(f"`orders send` of {one['kind']}, CPU µs a line", {})[size] = one["us_a_line"]
        largest = rows.setdefault("`orders send` at most, MB", {})
        largest[size] = max(largest.get(size, 0), one["peak_mb"])
    label = "`OrderProducer` at most, MB (64 MB may wait)"
    rows[label] = {str(one["records"]): one["peak_mb"] for one in producer.memory(sizes)}
    return {"rows": rows}


def _medians(part: Callable[[int], Figures], sizes: Sequence[int], rounds: int) -> dict[int, Figures]:
    """The figures of each size. Sizes take turns, so that other load on the machine meets all of them."""
    runs: dict[int, list[Figures]] = {size: [] for size in sizes}
    for number in range(1, rounds + 1):
        for size in sizes:
            if number == 1 or size * number <= ORDERS_FOR_ROUNDS:
                progress(f"{part.__name__}: {size:,} orders, round {number}")
                with new_process() as process:
                    runs[size].append(process.submit(part, size).result())
    return {
        size: {label: median(one[label] for one in found) for label in found[0]}
        for size, found in runs.items()
    }


def report(results: dict[str, Any]) -> Iterator[str]:
    """One table."""
    sizes = sorted({int(size) for row in results["rows"].values() for size in row})
    rows = []
    for label, row in results["rows"].items():
        form = "{:,.1f}" if "µs" in label and max(row.values()) < 100 else "{:,.0f}"
        cells = (form.format(row[str(size)]) if str(size) in row else "" for size in sizes)
        first, last = list(row.values())[0], list(row.values())[-1]
        rows.append({"label": label, "cells": " | ".join(cells), "growth": last / first})
    heading = f"| Orders | {' | '.join(f'{size:,}' for size in sizes)} | last by first |"
    yield table("", heading, "| {label} | {cells} | {growth:.2f} |", rows)
