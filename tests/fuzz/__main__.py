"""`python -m tests.fuzz --records 1000000 [--seed N]`: a table, or the record that breaks a rule."""

from __future__ import annotations

import argparse
import base64
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from tests.fuzz.records import KINDS, records
from tests.fuzz.rules import Verdict, check

CHUNK = 5_000


@dataclass
class Tally:
    """What became of the records of a kind."""

    records: int = 0
    orders: int = 0
    refused: int = 0
    slowest: float = 0.0

    def add(self, verdict: Verdict) -> None:
        self += Tally(1, verdict.orders, verdict.refused, verdict.seconds)

    def __iadd__(self, other: Tally) -> Tally:
        self.records += other.records
        self.orders += other.orders
        self.refused += other.refused
        self.slowest = max(self.slowest, other.slowest)
        return self


class RuleBrokenError(Exception):
    """A record that breaks a rule; the text says which, how, and how to make it again."""


def run(seed: str, count: int) -> dict[str, Tally]:
    """Check `count` records; raises RuleBrokenError at the first one that breaks a rule."""
    tallies: dict[str, Tally] = {}
    for number, (kind, data) in enumerate(records(seed, count)):
        try:
            verdict = check(data)
        except Exception as error:
            text = base64.b64encode(data).decode()
            raise RuleBrokenError(
                f"{kind}, seed {seed!r}, record {number}: {error!r}\nbase64: {text}"
            ) from error
        tallies.setdefault(kind, Tally()).add(verdict)
    return tallies


def table(tallies: dict[str, Tally]) -> Iterator[str]:
    """The lines to print, with a sum."""
    total = Tally()
    yield f"{'kind of record':16} {'records':>10} {'orders':>10} {'refused':>10} {'slowest ms':>11}"
    for kind in (kind.__name__ for kind in KINDS):
        if kind in tallies:
            total += tallies[kind]
            yield _row(kind, tallies[kind])
    yield _row("all", total)


def _row(name: str, tally: Tally) -> str:
    counts = f"{tally.records:10,} {tally.orders:10,} {tally.refused:10,}"
    return f"{name.replace('_', ' '):16} {counts} {tally.slowest * 1000:11,.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    start = time.monotonic()
    sizes = [min(CHUNK, wanted.records - done) for done in range(0, wanted.records, CHUNK)]
    # A seed for each chunk: the records are the same on any number of processors.
    seeds = [f"{wanted.seed}-{number}" for number in range(len(sizes))]
    tallies: dict[str, Tally] = {}
    with ProcessPoolExecutor() as workers:
        try:
            for part in workers.map(run, seeds, sizes):
                for kind, tally in part.items():
                    tallies[kind] = tallies.get(kind, Tally())
                    tallies[kind] += tally
        except RuleBrokenError as broken:
            workers.shutdown(cancel_futures=True)
            print(broken, file=sys.stderr)
            return 1
    seconds = time.monotonic() - start
    print("\n".join(table(tallies)))
    print(f"{wanted.records / seconds:,.0f} records/s on {os.cpu_count()} processors, seed {wanted.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
