"""`python -m tests.fuzz.memory [--tries N] [--seed S]`: the most memory that one invocation can take.

Each batch goes through the handler in a process of its own, with the SDK's clients and everything but the
network: what they would send is answered at once. The table has the worst batch of each shape.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from orderstream.aws.kinesis_event import EventOrigin, entry
from tests.fuzz.bulky import SHAPES
from tests.fuzz.invocation import STOPPED_MB

MOST_MB = 512
SECONDS = 60.0

_ARRIVAL = 1_795_373_990.0
_ORIGIN = EventOrigin("arn:aws:kinesis:eu-west-1:123456789012:stream/S", "shardId-000000000000", "role")


@dataclass(frozen=True)
class Peak:
    """What one batch took: the most memory (MB; infinite for more than STOPPED_MB), and CPU seconds."""

    records: int
    sent_mb: float
    mb: float
    seconds: float
    outcome: str


def event_of(records: list[bytes]) -> bytes:
    """The event that Lambda would invoke the function with."""
    entries = [
        entry(_ORIGIN, sequence_number=str(number), partition_key="k", data=data, arrived_at=_ARRIVAL)
        for number, data in enumerate(records, 49_570_000_000_000_000_000_000)
    ]
    return b'{"Records":[%b]}' % b",".join(entries)


def measured(records: list[bytes], seconds: float = SECONDS) -> Peak:
    """Process a batch in another process."""
    command = [sys.executable, "-m", "tests.fuzz.invocation", str(seconds)]
    done = subprocess.run(command, input=event_of(records), capture_output=True, check=False)
    if done.returncode > 0 and b"MemoryError" not in done.stderr:
        raise RuntimeError(done.stderr.decode())
    found: dict[str, Any] = {"mb": math.inf, "seconds": 0.0, "outcome": "out of memory"}
    if not done.returncode:
        found = json.loads(done.stdout.splitlines()[-1])
    return Peak(records=len(records), sent_mb=sum(map(len, records)) / 1e6, **found)


def search(shape: str, tries: int, seed: int, seconds: float) -> tuple[Peak, str]:
    """The worst batch of a shape, and the seed that makes it."""
    found = []
    for number in range(tries):
        name = f"{shape} {seed} {number}"
        found.append((measured(SHAPES[shape](random.Random(name)), seconds), name))
        print(f"{name}: {found[-1][0]}", file=sys.stderr)
    return max(found, key=lambda one: one[0].mb)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.memory", description=__doc__)
    parser.add_argument("--tries", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="what the invocation has")
    parser.add_argument("--shape", choices=SHAPES, action="append")
    wanted = parser.parse_args()
    worst = 0.0
    print(f"{'shape of the batch':22} {'records':>8} {'MB sent':>8} {'MB at most':>11} {'CPU s':>7}  outcome")
    for shape in wanted.shape or SHAPES:
        peak, name = search(shape, wanted.tries, wanted.seed, wanted.seconds)
        mb = f"{peak.mb:,.0f}" if math.isfinite(peak.mb) else f"> {STOPPED_MB:,}"
        print(
            f"{shape:22} {peak.records:8,} {peak.sent_mb:8.1f} {mb:>11} {peak.seconds:7.1f}"
            f"  {peak.outcome} ({name})",
            flush=True,
        )
        worst = max(worst, peak.mb)
    print(f"at most {worst:,.0f} MB of {MOST_MB}")
    return int(worst > MOST_MB)


if __name__ == "__main__":
    sys.exit(main())
