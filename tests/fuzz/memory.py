"""`python -m tests.fuzz.memory [--tries N] [--seed S]`: the most memory that one invocation can take.

Each batch goes through the handler in a process of its own, with the SDK's clients and everything but the
network: what they would send is answered at once. The table has the worst batch of each shape.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import random
import subprocess
import sys
from dataclasses import dataclass

from tests.fuzz.bulky import SHAPES
from tests.fuzz.invocation import STOPPED_MB

MOST_MB = 512
SECONDS = 60.0

_ARRIVAL = 1_795_373_990.0
_SHARD = "shardId-000000000000"


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
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "k",
                "sequenceNumber": str(49_570_000_000_000_000_000_000 + number),
                "data": base64.b64encode(data).decode(),
                "approximateArrivalTimestamp": _ARRIVAL,
            },
            "eventSource": "aws:kinesis",
            "eventID": f"{_SHARD}:{49_570_000_000_000_000_000_000 + number}",
        }
        for number, data in enumerate(records)
    ]
    return json.dumps({"Records": entries}).encode()


def measured(records: list[bytes], seconds: float = SECONDS) -> Peak:
    """Process a batch in another process."""
    command = [sys.executable, "-m", "tests.fuzz.invocation", "--seconds", str(seconds)]
    sent = sum(map(len, records)) / 1e6
    done = subprocess.run(command, input=event_of(records), capture_output=True, check=False)
    if done.returncode:
        if b"MemoryError" not in done.stderr and done.returncode > 0:
            raise RuntimeError(done.stderr.decode())
        return Peak(len(records), sent, math.inf, 0.0, "out of memory")
    found = json.loads(done.stdout.splitlines()[-1])
    return Peak(len(records), sent, found["mb"], found["seconds"], found["outcome"])


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
