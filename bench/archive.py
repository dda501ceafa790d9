"""The archive's verbs on a day of small objects: what they take, and that their answers stay the same.

`python -m bench.archive` puts TPC-H's orders (100,000 of them in 10,000 objects) through the function's own
processing, as if they had come over one day, into a local cloud. Then it does what an operator would do, by
command: questions in SQL, sealing, an audit, the rebuild of a table that is gone, compaction, and the
erasure of a customer. `--write` puts the tables into docs/explanation/archive.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from orderstream.deploy.artifact import PROJECT
from orderstream.ingest import tpch
from orderstream.ingest.samples import Sample
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port
from orderstream.pipeline.process import Invocation, process
from orderstream.pipeline.quarantine import QuarantineWriter
from orderstream.pipeline.records import Record
from orderstream.pipeline.services import S3Store, make_archive
from orderstream.pipeline.settings import Settings
from orderstream.pipeline.table import OrderTable
from orderstream.storage import bucket

ORDERS, OBJECTS = 100_000, 10_000
# TPC-H at scale 1 has so many.
_ORDERS_AT_SCALE_1 = 1_500_000
DAY = datetime(2026, 11, 22, tzinfo=UTC)
PAGE = PROJECT / "docs/explanation/archive.md"

REVENUE = (
    "SELECT count(*) AS orders, sum(amount) AS revenue, count(DISTINCT customer_id) AS customers FROM orders"
)
ONE_HOUR = ("--since", "2026-11-22T12:00:00Z", "--until", "2026-11-22T13:00:00Z")


@dataclass
class Measured:
    """One step: what was done, how long it took (seconds), and what came of it."""

    what: str
    seconds: float
    result: str


@dataclass
class Found:
    """All that was measured."""

    steps: list[Measured] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)


class Day:
    """A local cloud with a day's archive, and the command line that works on it."""

    def __init__(self, laptop: LocalCloud, cache: Path) -> None:
        self.deployment = laptop.deployment
        self.cache = cache
        names = {"XDG_CACHE_HOME": str(cache), "XDG_STATE_HOME": str(cache / "state")}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self._environment = inherited | laptop.environment | names

    def fill(self, orders: int, objects: int, folder: Path) -> None:
        """Put the orders through the function's processing, as if they came evenly over the day."""
        records = self._records(orders, folder)
        size = orders // objects
        batches = iter(lambda: list(islice(records, size)), [])
        with ThreadPoolExecutor(4) as threads:
            for _ in threads.map(self._process, batches):
                pass

    def _records(self, orders: int, folder: Path) -> Iterator[Record]:
        samples: Iterator[Sample] = tpch.traffic(folder)
        for number, sample in enumerate(islice(samples, orders)):
            arrived_at = DAY + number * timedelta(days=1) / orders
            place = f"{49_570_000_000_000_000_000 + number}"
            event_id = f"shardId-000000000000:{place}"
            yield Record(
                event_id, "shardId-000000000000", place, sample.partition_key, arrived_at, sample.data
            )

    def _process(self, batch: list[Record]) -> None:
        store = S3Store(self.deployment.cloud.s3, self.deployment.bucket)
        settings = Settings(self.deployment.table, self.deployment.bucket, "orderstream")
        report = process(
            batch,
            archive=make_archive(settings, store),
            table=OrderTable(self.deployment.cloud.dynamodb, self.deployment.table),
            quarantine=QuarantineWriter(store),
            currency="USD",
            invocation=Invocation("bench", lambda: 60.0, lambda: datetime.now(UTC)),
        )
        if report.stored != len(batch):
            raise RuntimeError(f"{report.stored} of {len(batch)} orders were stored: {report.problems}")

    def orders(self, *arguments: str) -> tuple[float, Any]:
        """Run `orders …`; its seconds, and what it printed as JSON."""
        command = [str(Path(sys.executable).with_name("orders")), *arguments]
        begun = time.monotonic()
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - begun
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[1:])} ended with {done.returncode}:\n{done.stderr}")
        return seconds, [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]

    def size(self) -> tuple[int, int]:
        """The archive's objects, and their bytes."""
        sizes = [entry.size for entry in bucket.archive(self.deployment)]
        return len(sizes), sum(sizes)

    def items(self) -> dict[str, Any]:
        """Every item of the table."""
        pages = self.deployment.cloud.dynamodb.get_paginator("scan").paginate(TableName=self.deployment.table)
        return {item["OrderID"]["S"]: item for page in pages for item in page["Items"]}

    def drop(self, order_ids: Iterator[str]) -> None:
        """Remove items from the table."""
        with ThreadPoolExecutor(8) as threads:
            remove = self.deployment.cloud.dynamodb.delete_item
            for _ in threads.map(
                lambda name: remove(TableName=self.deployment.table, Key={"OrderID": {"S": name}}), order_ids
            ):
                pass

    def forget_cache(self) -> None:
        """As on a machine that never asked anything."""
        subprocess.run(["rm", "-rf", str(self.cache / "orderstream")], check=True)


def measure(orders: int = ORDERS, objects: int = OBJECTS, progress: Callable[[str], None] = print) -> Found:
    """Everything, on a local cloud of its own. Raises RuntimeError where an answer is not as it must be."""
    found = Found()
    with (
        LocalCloud(port=free_port(), progress=progress, problem=progress) as laptop,
        TemporaryDirectory(prefix="orderstream-bench-") as folder,
    ):
        day = Day(laptop, Path(folder) / "cache")
        progress(f"archiving {orders:,} orders of TPC-H in {objects:,} objects")
        tpch.generate(orders / _ORDERS_AT_SCALE_1, Path(folder))
        totals = tpch.generator_totals(Path(folder))
        orders = min(orders, sum(count for count, _ in totals.values()))
        day.fill(orders, objects, Path(folder))
        _run(day, found, totals, progress)
    return found


def _run(day: Day, found: Found, totals: tpch.Totals, progress: Callable[[str], None]) -> None:
    def step(what: str, *arguments: str, result: Callable[[Any], str]) -> Any:
        progress(what)
        seconds, printed = day.orders(*arguments)
        found.steps.append(Measured(what, seconds, result(printed)))
        return printed

    def check(what: str, holds: bool) -> None:
        if not holds:
            raise RuntimeError(f"not so: {what}")
        found.checks.append(what)

    def ask(when: str) -> list[Any]:
        answers = []
        for how in ("first", "again"):
            if how == "first":
                day.forget_cache()
            answer = step(
                f"SQL over the day, {how}, {when}", "archive", "query", REVENUE, "--json", result=_rows
            )
            answers.append(answer)
        day.forget_cache()
        answers.append(
            step(
                f"SQL over one hour, first, {when}",
                "archive",
                "query",
                REVENUE,
                *ONE_HOUR,
                "--json",
                result=_rows,
            )
        )
        return answers

    before = day.size()
    items = day.items()
    answers = ask("small objects")
    (total,) = answers[0]
    expected = (sum(count for count, _ in totals.values()), sum(total for _, total in totals.values()))
    check(
        "SQL's number of orders and revenue are those of TPC-H's own file",
        (total["orders"], total["revenue"]) == expected,
    )
    step("archive seal", "archive", "seal", "--json", result=lambda out: f"{len(out[0]['sealed'])} hours")
    step("archive audit", "archive", "audit", "--json", result=_audited)
    step(
        "archive compact",
        "archive",
        "compact",
        "--json",
        result=lambda out: f"{len(out[0]['compacted'])} hours",
    )
    after = day.size()
    found.steps[
        -1
    ].result += f", {before[0]:,} objects of {before[1]:,} bytes to {after[0]:,} of {after[1]:,}"
    step("archive audit, compacted", "archive", "audit", "--json", result=_audited)
    check("SQL gives the same answers after compaction", ask("compacted") == answers)
    progress("dropping the table")
    day.drop(iter(items))
    check("the table is empty", day.items() == {})
    step(
        "replay, the whole table from the archive",
        "archive",
        "replay",
        "--json",
        result=lambda out: f"{out[-1]['stored']:,} stored",
    )
    check("the table is what it was, item for item", day.items() == items)
    step(
        "verify",
        "stack",
        "verify",
        "--json",
        result=lambda out: f"{len(out[0]['discrepancies'])} discrepancies",
    )
    customer, (count, _) = max(totals.items(), key=lambda entry: entry[1][0])
    (stamped,) = step(
        "forget the customer with most orders",
        "archive",
        "forget",
        "--customer",
        customer,
        "--yes",
        "--json",
        result=_erased,
    )
    check("all orders of the customer are erased", stamped["receipt"]["items"] == count)
    left = {name: item for name, item in items.items() if item["CustomerID"]["S"] != customer}
    check("the orders of all others are what they were", day.items() == left)
    receipt = day.cache / "receipt.json"
    receipt.write_text(json.dumps(stamped))
    step("archive audit, erased", "archive", "audit", "--receipt", str(receipt), "--json", result=_audited)
    step(
        "verify, erased",
        "stack",
        "verify",
        "--json",
        result=lambda out: f"{len(out[0]['discrepancies'])} discrepancies",
    )


def _rows(printed: Any) -> str:
    return f"{printed[0]['orders']:,} orders"


def _audited(printed: Any) -> str:
    return f"{printed[0]['objects']:,} objects hashed, {len(printed[0]['findings'])} findings"


def _erased(printed: Any) -> str:
    receipt = printed[0]["receipt"]
    return f"{receipt['items']} items, {receipt['records']} records, {receipt['objects']} objects rewritten"


def text(found: Found) -> str:
    """What was measured, as Markdown."""
    lines = ["| what | seconds | result |", "|---|---:|---|"]
    lines += [f"| {one.what} | {one.seconds:.1f} | {one.result} |" for one in found.steps]
    return "\n".join([*lines, "", *(f"- {what}" for what in found.checks)]) + "\n"


def show(found: Found) -> None:
    """Print it."""
    table = Table("what", "seconds", "result")
    table.columns[1].justify = "right"
    for one in found.steps:
        table.add_row(one.what, f"{one.seconds:.1f}", one.result)
    console = Console()
    console.print(table)
    for what in found.checks:
        console.print(f"holds: {what}")


def main() -> None:
    """Measure, show and, if wanted, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--objects", type=int, default=OBJECTS)
    parser.add_argument("--write", action="store_true", help="put the table into docs/explanation/archive.md")
    options = parser.parse_args()
    found = measure(options.orders, options.objects, lambda step: print(step, file=sys.stderr))
    show(found)
    if options.write:
        page = PAGE.read_text()
        mark = "<!-- measured -->\n"
        new = re.sub(f"{mark}.*?{mark}", lambda _: f"{mark}{text(found)}{mark}", page, flags=re.DOTALL)
        PAGE.write_text(new)


if __name__ == "__main__":
    main()
