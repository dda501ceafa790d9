"""What all benchmarks share: rounds in turns, their summary, progress, and a local cloud to measure."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from bench.processes import processors
from orderstream.aws.deployment import Deployment
from orderstream.errors import OrderstreamError
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port
from orderstream.pipeline.attributes import plain_value

PATIENCE_SECONDS = 60

Contender = TypeVar("Contender")
Result = TypeVar("Result")


def progress(step: str) -> None:
    """Tell on standard error what is measured now."""
    print(step, file=sys.stderr, flush=True)


def environment() -> dict[str, Any]:
    """When and on what this runs."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "processor": names[0] if names else platform.machine(),
        "processors": len(processors()),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("botocore", "msgspec", "ministack")},
    }


def in_turns(
    contenders: Iterable[Contender],
    rounds: int,
    run: Callable[[Contender, int], Result],
    *,
    warm_up: bool = True,
) -> dict[Contender, list[Result]]:
    """The results of each contender; all run in each round, so that other load on the machine meets all.

    With `warm_up`, a round 0 comes before, which does not count.
    """
    found: dict[Contender, list[Result]] = {contender: [] for contender in contenders}
    for number in range(0 if warm_up else 1, rounds + 1):
        for contender, results in found.items():
            result = run(contender, number)
            if number:
                results.append(result)
    return found


def summary(values: Sequence[float]) -> dict[str, float]:
    """The median, the least and the most."""
    return {"median": median(values), "least": min(values), "most": max(values)}


def spread(values: Sequence[float]) -> float:
    """Half of the difference between the most and the least, as a share of the median."""
    return (max(values) - min(values)) / 2 / median(values)


def until_complete(read: Callable[[], Result], count: Callable[[Result], int], wanted: int) -> Result:
    """What `read` returns, as soon as it counts what is wanted, or when for a minute no more has come."""
    latest, moved = -1, time.monotonic()
    while True:
        found = read()
        if count(found) > latest:
            latest, moved = count(found), time.monotonic()
        if latest >= wanted or time.monotonic() - moved > PATIENCE_SECONDS:
            return found
        time.sleep(0.2)


def items(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """Every item of the table."""
    pages = deployment.cloud.dynamodb.get_paginator("scan").paginate(TableName=deployment.table)
    return (plain_value({"M": item}) for page in pages for item in page["Items"])


@contextmanager
def local_cloud(parameters: Mapping[str, str] | None = None) -> Iterator[LocalCloud]:
    """A local cloud with values for the template's parameters; raises OrderstreamError if it had problems."""
    problems: list[str] = []
    with LocalCloud(
        port=free_port(), parameters=parameters or {}, progress=progress, problem=problems.append
    ) as running:
        yield running
    if problems:
        raise OrderstreamError(f"the local cloud had problems: {problems}")
