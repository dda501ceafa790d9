"""`python -m tests.fuzz --records 1000000 [--seed N]`: a table, or the record that breaks a rule."""

from __future__ import annotations

import argparse
import base64
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.fuzz.records import KINDS, records
from tests.fuzz.rules import Verdict, check

CHUNK = 5_000

# By kind of record.
Verdicts = dict[str, Verdict]


class RuleBrokenError(Exception):
    """A record that breaks a rule; the text says which, how, and how to make it again."""


def run(seed: str, count: int) -> Verdicts:
    """Check `count` records; raises RuleBrokenError at the first one that breaks a rule."""
    verdicts: Verdicts = defaultdict(partial(Verdict, records=0))
    for number, (kind, data) in enumerate(records(seed, count)):
        try:
            verdicts[kind] += check(data)
        except Exception as error:
            text = base64.b64encode(data).decode()
            raise RuleBrokenError(
                f"{kind}, seed {seed!r}, record {number}: {error!r}\nbase64: {text}"
            ) from error
    return verdicts


def table(verdicts: Mapping[str, Verdict]) -> Iterator[str]:
    """The lines to print, with a sum."""
    yield f"{'kind of record':16} {'records':>10} {'orders':>10} {'refused':>10} {'slowest ms':>11}"
    found = {kind.__name__: verdicts[kind.__name__] for kind in KINDS if kind.__name__ in verdicts}
    for name, one in (found | {"all": sum(found.values(), Verdict(records=0))}).items():
        counts = f"{one.records:10,} {one.orders:10,} {one.refused:10,}"
        yield f"{name.replace('_', ' '):16} {counts} {one.seconds * 1000:11,.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    start = time.monotonic()
    sizes = [min(CHUNK, wanted.records - done) for done in range(0, wanted.records, CHUNK)]
    # A seed for each chunk: the records are the same on any number of processors.
    seeds = [f"{wanted.seed}-{number}" for number in range(len(sizes))]
    verdicts: Verdicts = defaultdict(partial(Verdict, records=0))
    with ProcessPoolExecutor() as workers:
        try:
            for part in workers.map(run, seeds, sizes):
                for kind, verdict in part.items():
                    verdicts[kind] += verdict
        except RuleBrokenError as broken:
            workers.shutdown(cancel_futures=True)
            print(broken, file=sys.stderr)
            return 1
    seconds = time.monotonic() - start
    print("\n".join(table(verdicts)))
    print(f"{wanted.records / seconds:,.0f} records/s on {os.cpu_count()} processors, seed {wanted.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
