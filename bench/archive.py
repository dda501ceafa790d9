"""The archive's commands on a day of small objects: what they take, and that their answers stay the same.

TPC-H's orders (100,000 of them in 10,000 objects) go through the function's own processing, as if they had
come over one day, into a local cloud. Then the commands do what an operator would do: questions in SQL,
sealing, an audit, the rebuild of a table that is gone, compaction, and the erasure of a customer.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.harness import items, local_cloud, progress
from bench.report import table
from orderstream.errors import OrderstreamError
from orderstream.ingest import tpch
from orderstream.local.cloud import LocalCloud
from orderstream.pipeline.process import Invocation, process
from orderstream.pipeline.quarantine import QuarantineWriter
from orderstream.pipeline.records import Record
from orderstream.pipeline.services import S3Store, lifecycle, make_archive
from orderstream.pipeline.settings import Settings
from orderstream.pipeline.table import OrderTable
from orderstream.storage.bucket import archive

# Of TPC-H at scale 1.
_ORDERS_AT_SCALE_1 = 1_500_000
DAY = datetime(2026, 11, 22, tzinfo=UTC)
SHARD = "shardId-000000000000"

QUERY = (
    "archive",
    "query",
    "SELECT count(*) AS orders, sum(amount) AS revenue, count(DISTINCT customer_id) AS customers FROM orders",
    "--json",
)
ONE_HOUR = ("--since", "2026-11-22T12:00:00Z", "--until", "2026-11-22T13:00:00Z")


class Day:
    """A local cloud with a day's archive, and the steps that were done on it, with what they took."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        self._deployment = cloud.deployment
        self._cache = folder / "cache"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        folders = {"XDG_CACHE_HOME": str(self._cache), "XDG_STATE_HOME": str(folder / "state")}
        self._environment = inherited | cloud.environment | folders
        self.steps: list[dict[str, Any]] = []
        self.checks: list[str] = []

    def fill(self, orders: int, objects: int, folder: Path) -> None:
        """Put the orders through the function's processing, as if they came evenly over the day."""
        records = _records(orders, folder)
        batches = iter(lambda: list(islice(records, orders // objects)), [])
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(self._process, batches))

    def _process(self, batch: list[Record]) -> None:
        cloud, table, bucket = self._deployment.cloud, self._deployment.table, self._deployment.bucket
        store = S3Store(cloud.s3, bucket)
        settings = Settings(table, bucket, "orderstream")
        orders = OrderTable(cloud.dynamodb, table)
        report = process(
            batch,
            archive=make_archive(settings, store),
            table=orders,
            events=lifecycle(cloud.dynamodb, orders, settings),
            quarantine=QuarantineWriter(store),
            currency="USD",
            invocation=Invocation("bench", lambda: 60.0, lambda: datetime.now(UTC)),
        )
        if report.stored != len(batch):
            raise OrderstreamError(f"{report.stored} of {len(batch)} orders were stored: {report.problems}")

    def step(self, what: str, result: str, *command: str) -> Any:
        """Run `orders COMMAND`; return the last JSON that it prints, which `result` formats."""
        progress(what)
        program = [str(Path(sys.executable).with_name("orders")), *command]
        begin = time.monotonic()
        done = subprocess.run(program, env=self._environment, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - begin
        if done.returncode:
            raise OrderstreamError(f"orders {' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
        printed = json.loads(done.stdout.splitlines()[-1], parse_float=Decimal)
        counts = {name: len(value) for name, value in printed.items() if isinstance(value, list)}
        self.steps.append({"what": what, "seconds": seconds, "result": result.format_map(printed | counts)})
        return printed

    def check(self, what: str, holds: bool) -> None:
        """Note what holds; raises OrderstreamError if it does not."""
        if not holds:
            raise OrderstreamError(f"this does not hold: {what}")
        self.checks.append(what)

    def size(self) -> str:
        """The archive's objects and their bytes."""
        sizes = [entry.size for entry in archive(self._deployment)]
        return f"{len(sizes):,} objects of {sum(sizes):,} bytes"

    def items(self) -> dict[str, Any]:
        """Every item of the table."""
        return {item["OrderID"]: item for item in items(self._deployment)}

    def drop(self, order_ids: Iterable[str]) -> None:
        """Remove items from the table."""
        dynamodb, table = self._deployment.cloud.dynamodb, self._deployment.table
        for order_id in order_ids:
            dynamodb.delete_item(TableName=table, Key={"OrderID": {"S": order_id}})

    def ask(self, when: str) -> list[Any]:
        """The answers of SQL over the day, without and with a cache, and over an hour, without one."""
        found = []
        for what, options in (("the day, first", ()), ("the day, again", ()), ("one hour, first", ONE_HOUR)):
            if "first" in what:
                shutil.rmtree(self._cache / "orderstream", ignore_errors=True)
            found.append(self.step(f"SQL over {what}, {when}", "{orders:,} orders", *QUERY, *options))
        return found


def _records(orders: int, folder: Path) -> Iterator[Record]:
    for number, sample in enumerate(islice(tpch.traffic(folder), orders)):
        arrived_at = DAY + number * timedelta(days=1) / orders
        place = f"{49_570_000_000_000_000_000 + number}"
        yield Record(f"{SHARD}:{place}", SHARD, place, sample.partition_key, arrived_at, sample.data)


def measure(orders: int = 100_000, objects: int = 10_000) -> dict[str, Any]:
    """All `steps`, and the `checks` that held. Raises OrderstreamError where an answer is wrong."""
    with local_cloud() as cloud, TemporaryDirectory(prefix="orderstream-bench-") as name:
        folder = Path(name)
        day = Day(cloud, folder)
        progress(f"archiving {orders:,} orders of TPC-H in {objects:,} objects")
        tpch.generate(orders / _ORDERS_AT_SCALE_1, folder)
        totals = tpch.generator_totals(folder)
        day.fill(min(orders, sum(count for count, _ in totals.values())), objects, folder)
        _use(day, totals, folder / "receipt.json")
    return {"steps": day.steps, "checks": day.checks}


def _use(day: Day, totals: tpch.Totals, receipt: Path) -> None:
    audited = "{objects:,} objects hashed, {findings} findings"
    verified = "{discrepancies} discrepancies"
    before, items = day.size(), day.items()
    answers = day.ask("small objects")
    total = answers[0]
    day.check(
        "SQL's number of orders and revenue are those of TPC-H's own file",
        [total["orders"], total["revenue"]] == [sum(part) for part in zip(*totals.values(), strict=True)],
    )
    day.step("archive seal", "{sealed} hours", "archive", "seal", "--json")
    day.step("archive audit", audited, "archive", "audit", "--json")
    day.step("archive compact", "{compacted} hours", "archive", "compact", "--json")
    day.steps[-1]["result"] += f", {before} to {day.size()}"
    day.step("archive audit, compacted", audited, "archive", "audit", "--json")
    day.check("SQL gives the same answers after compaction", day.ask("compacted") == answers)
    progress("dropping the table")
    day.drop(items)
    day.check("the table is empty", day.items() == {})
    day.step("replay, the whole table from the archive", "{stored:,} stored", "archive", "replay", "--json")
    day.check("the table is what it was, item for item", day.items() == items)
    day.step("verify", verified, "stack", "verify", "--json")
    customer, (count, _) = max(totals.items(), key=lambda entry: entry[1][0])
    erased = "{receipt[items]} items, {receipt[records]} records, {receipt[objects]} objects rewritten"
    forget = ("archive", "forget", "--customer", customer, "--yes", "--json")
    stamped = day.step("forget the customer with most orders", erased, *forget)
    day.check("all orders of the customer are erased", stamped["receipt"]["items"] == count)
    left = {name: item for name, item in items.items() if item["CustomerID"] != customer}
    day.check("the orders of all others are what they were", day.items() == left)
    receipt.write_text(json.dumps(stamped))
    audit = ("archive", "audit", "--receipt", str(receipt), "--json")
    day.step("archive audit, erased", audited, *audit)
    day.step("verify, erased", verified, "stack", "verify", "--json")


def report(results: dict[str, Any]) -> Iterator[str]:
    """The steps as a table, and what was checked."""
    template = "| {what} | {seconds:.1f} | {result} |"
    yield table("", "| what | seconds | result |", template, results["steps"])
    yield "\n".join(f"- {what}" for what in results["checks"])
