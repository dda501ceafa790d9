"""`make bench`: measures everything in one run, prints the tables, writes results, picture and page.

Nothing else should run on the machine meanwhile. What is written is in docs/ unless told otherwise.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import artifacts, cold_start, handlers, laptop, plot, producer, report
from bench.events import SIZES
from bench.processes import PYTHON, Stub, environment, processors
from bench.thresholds import BATCH
from orderstream.deploy.artifact import PROJECT

PARTS = ("handlers", "cold_starts", "producer", "laptop")


def machine() -> dict[str, Any]:
    """What this runs on."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else platform.machine(),
        "processors": len(processors()),
        "python": platform.python_version(),
    }


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="measure only this part anew")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of a figure (default 5)")
    parser.add_argument("--batches", type=int, nargs="+", default=(100, BATCH, 10_000))
    parser.add_argument("--results", type=Path, default=PROJECT / "docs" / "performance.json")
    parser.add_argument("--page", type=Path, default=PROJECT / "docs/explanation/performance.md")
    parser.add_argument("--picture", type=Path, default=PROJECT / "docs" / "performance.png")
    options = parser.parse_args()
    parts = options.only or PARTS
    console = Console(stderr=True)
    with console.status("") as status:
        # What is not measured now stays as it was.
        results: dict[str, Any] = json.loads(options.results.read_text()) if options.only else {}
        results |= {
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "machine": machine(),
            "versions": {name: version(name) for name in ("botocore", "msgspec", "ministack")},
        }
        if {"handlers", "cold_starts"} & set(parts):
            for peer in artifacts.ALL:
                status.update(f"building the artifact of {peer.label}")
                artifacts.make(peer)
        if "handlers" in parts:
            results["handlers"] = handlers.measure(
                rounds=options.rounds,
                batches=options.batches,
                target_batch=BATCH if BATCH in options.batches else options.batches[0],
                progress=status.update,
            )
            for name, script in (("floor", "cost_breakdown.py"), ("choices", "ablation.py")):
                status.update(f"{name} of the function")
                results[name] = {str(size): by_part(script, size) for size in SIZES}
        if "cold_starts" in parts:
            results["cold_starts"] = cold_start.measure(rounds=3 * options.rounds, progress=status.update)
        if "producer" in parts:
            results["producer"] = producer.measure(
                records=50_000, rounds=options.rounds, counts=(10_000, 100_000), progress=status.update
            )
        if "laptop" in parts:
            results["laptop"] = laptop.measure(rounds=options.rounds, progress=status.update)
    options.results.write_text(json.dumps(results, indent=1, default=str) + "\n")
    plot.draw(results, options.picture)
    tables = Console(record=True, width=130)
    report.show(results, tables)
    write_page(options.page, tables.export_text())


def write_page(page: Path, tables: str) -> None:
    """Put the tables where the page has them."""
    text = page.read_text()
    before, after = text.split("<!-- measured -->")[0], text.split("<!-- /measured -->")[1]
    lines = "\n".join(line.rstrip() for line in tables.splitlines())
    page.write_text(f"{before}<!-- measured -->\n```text\n{lines}\n```\n<!-- /measured -->{after}")


def by_part(script: str, size: int) -> Any:
    """What `bench/cost_breakdown.py` or `bench/ablation.py` finds for orders of `size` bytes."""
    with Stub() as stub:
        command = [PYTHON, "-S", "-E", "-B", str(PROJECT / "bench" / script), str(PROJECT)]
        command += [str(artifacts.OURS.artifact), str(processors()[0]), str(size)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment(stub.port))
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
