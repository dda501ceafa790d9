"""The bytes that a plan is computed from, measured; and the examples of the page, by the command itself.

`python -m bench.capacity` prints what an order takes in item, archive and log, and an event and an
announcement also in time, to compare with `ByteFigures`, `EventFigures` and `FeedFigures` of
orderstream.capacity.reference_data. `--write` writes figures, examples and picture of
docs/explanation/capacity.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reference import PROJECT

from bench.event_costs import bytes_of, measure_events
from bench.events import SIZES, traffic
from bench.feed_costs import measure_feed
from bench.report import with_section
from orderstream.capacity.reference_data import ReferenceData
from orderstream.domain.decode import decode
from orderstream.domain.ids import order_id_of
from orderstream.domain.object_keys import ORDERS, batch_key, hour_of
from orderstream.pipeline import telemetry
from orderstream.pipeline.archive_codec import compress, encode, read_line
from orderstream.pipeline.batch_result import BatchResult
from orderstream.pipeline.items import order_item
from orderstream.pipeline.records import from_event
from orderstream.storage import parquet
from orderstream.storage.parquet import LocatedLine

PAGE = PROJECT / "docs/explanation/capacity.md"
PICTURE = PROJECT / "docs" / "capacity.png"
EXAMPLES = (
    "plan --rate 100 --peak 5x --size 800",
    "plan --rate 5000 --peak 5x --size 800",
    "plan --rate 1000000 --peak 5x --size 800",
)
# Orders a second on a Friday: from midnight on, an hour each.
DAY = "20 10 5 5 10 20 60 120 200 240 260 300 320 300 260 260 300 400 700 1000 900 500 200 60".split()
SIMULATION = "plan --size 800 --traffic traffic.csv --outage 2h --outage-at 64800 --picture capacity.png"

_BATCH = 1000


@dataclass(frozen=True)
class Bytes:
    """Bytes an order: as sent, of its item and the keys of its index, of its line in the archive, the same
    packed, and as Parquet.

    `log` are the function's lines about the batch.
    """

    size: float
    item: float
    keys: float
    line: float
    packed: float
    compacted: float
    log: int


def measure(size: int, batches: int = 10) -> Bytes:
    """Batches of a thousand generated orders of about `size` bytes, through the function's own code."""
    placed: list[LocatedLine] = []
    sent = items = keys = plain = packed = 0
    log = ""
    for seed in range(batches):
        records = from_event(json.loads(traffic(_BATCH, size, seed=seed).event))
        decoded = [decode(record.data) for record in records]
        pairs = list(zip(records, decoded, strict=True))
        ids = {
            record.event_id: order_id_of(what.order, record.event_id) for record, what in pairs if what.order
        }
        lines = [encode(record, json=what.json, order_id=ids[record.event_id]) for record, what in pairs]
        first = records[0]
        numbers = [record.sequence_number for record in records]
        key = batch_key(ORDERS, hour_of(first.arrived_at), first.shard_id, numbers, list(ids))
        for record, what in pairs:
            assert what.order
            item = order_item(record, what.order, what, ids[record.event_id], key, "EUR")
            items += bytes_of(item)
            keys += bytes_of({name: item[name] for name in ("OrderID", "CustomerID", "OrderDate")})
        sent += sum(len(record.data) for record in records)
        plain += sum(map(len, lines))
        packed += len(compress(lines))
        now = datetime.now(UTC)
        placed += [LocatedLine(key, number, now, read_line(line)) for number, line in enumerate(lines)]
        count = len(records)
        report = BatchResult(
            received=count,
            stored=count,
            latencies=list(range(1000, 1000 + count)),
            revenue={"EUR": Decimal("123456.78")},
            objects=[key],
        )
        stack = "orderstream"
        log = telemetry.log_line(
            report, records, stack=stack, objective_seconds=30, request_id="0" * 36, cold=False, now=now
        )
        log += "".join(telemetry.revenue_lines(report.revenue, stack=stack, now=now))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "compacted.parquet"
        parquet.write(file, iter(placed), "EUR")
        compacted = file.stat().st_size
    orders = len(placed)
    return Bytes(
        sent / orders,
        items / orders,
        keys / orders,
        plain / orders,
        packed / orders,
        compacted / orders,
        len(log),
    )


def output(words: str, folder: Path = PROJECT) -> str:
    """What `orders …` prints, a hundred columns wide."""
    environment = os.environ | {"COLUMNS": "100"}
    command = [str(Path(sys.executable).with_name("orders")), *words.split()]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return "\n".join(line.rstrip() for line in done.stdout.splitlines())


def examples() -> list[str]:
    """The examples as the page has them."""
    return [f"```text\n$ orders {words}\n{output(words)}\n```" for words in EXAMPLES]


def simulated(picture: Path | None = None) -> str:
    """The simulated day as the page has it, and its picture."""
    with TemporaryDirectory() as folder:
        rows = [f"{hour * 3600},{rate}" for hour, rate in enumerate(DAY)]
        (Path(folder) / "traffic.csv").write_text("\n".join(["second,orders_per_second", *rows]))
        found = output(SIMULATION, Path(folder))
        if picture:
            picture.write_bytes((Path(folder) / "capacity.png").read_bytes())
    table = found[found.index("Simulated") : found.index("\n\nTo deploy")]
    return f"```text\n$ orders {SIMULATION}\n…\n{table}\n```"


def sources() -> str:
    """Every figure with its source and date, as a table."""
    lines = ["| What | Figures | Source |", "| --- | --- | --- |"]
    for name, group in vars(ReferenceData()).items():
        values = ", ".join(f"`{figure}` {_shown(value)}" for figure, value in vars(group).items())
        lines.append(f"| {name.replace('_', ' ')} | {values} | {group.source}; {group.date} |")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(f"{price} from {begin:,}" for begin, price in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def page(text: str, picture: Path | None = None) -> str:
    """The page with what is between its marks made anew."""
    text = with_section(text, "figures", [sources()])
    text = with_section(text, "examples", examples())
    return with_section(text, "simulated", [simulated(picture)])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write the page and its picture")
    if parser.parse_args().write:
        PAGE.write_text(page(PAGE.read_text(), PICTURE))
        return
    for size in SIZES:
        print(measure(size))
    print(measure_events())
    for size in SIZES:
        print(measure_feed(size=size))


if __name__ == "__main__":
    main()
