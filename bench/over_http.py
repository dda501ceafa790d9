"""How many orders does the HTTP API of a local cloud take, how soon does it answer, and is any lost?

`python -m bench.over_http` starts `orders up`, and has clients send to its API for some time, as fast as they
are answered. Then every order that was answered with 202 must be an item, once and with what was sent, and
`orders stack verify` must agree. A second run on the same stack goes through an API whose stream is throttled
for a third of the time. `--write` puts the table into docs/explanation/http-api.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench import http_load
from bench.api_server import Up, throttled
from bench.http_load import Order, Told
from bench.laptop import percentile
from orderstream.aws.deployment import Deployment, find_deployment
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.deploy.artifact import PROJECT
from orderstream.domain.decode import decode
from orderstream.recovery.verify import verify
from orderstream.storage.bucket import TimeRange

CLIENTS, SECONDS = 50, 30.0
PATIENCE_SECONDS = 60
PAGE = PROJECT / "docs/explanation/http-api.md"
RUNS = {"as it is": False, "stream throttled for a third of it": True}

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Account:
    """Ids of orders: accepted and not in the table; there with other content; there and never accepted."""

    lost: tuple[str, ...]
    different: tuple[str, ...]
    strays: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        return not (self.lost or self.different or self.strays)


def account(accepted: Mapping[str, Order], fingerprints: Mapping[str, str]) -> Account:
    """Hold what was accepted against the fingerprints of the items, both by order id."""
    sent = {order_id: decode(msgspec.json.encode(order)).fingerprint for order_id, order in accepted.items()}
    return Account(
        lost=tuple(sorted(sent.keys() - fingerprints.keys())),
        different=tuple(sorted(one for one in sent if fingerprints.get(one, sent[one]) != sent[one])),
        strays=tuple(sorted(fingerprints.keys() - sent.keys())),
    )


def measure(
    clients: int = CLIENTS, seconds: float = SECONDS, progress: Progress = lambda step: None
) -> dict[str, Any]:
    """Both runs, by their names in RUNS: figures, and whether they agree. Latencies are in ms."""
    found: dict[str, Any] = {}
    with TemporaryDirectory(prefix="orderstream-bench-") as folder:
        progress("starting orders up")
        with Up(Path(folder)) as up:
            deployment = find_deployment(up.cloud, DEFAULT_STACK)
            for name, is_throttled in RUNS.items():
                progress(f"{clients} clients for {seconds:g} s, {name}")
                if is_throttled:
                    with throttled(up, deployment, seconds) as url:
                        found[name] = _run(up, deployment, url, clients, seconds, "throttled", progress)
                else:
                    found[name] = _run(up, deployment, up.url, clients, seconds, "plain", progress)
    return found


def _run(
    up: Up, deployment: Deployment, url: str, clients: int, seconds: float, name: str, progress: Progress
) -> dict[str, Any]:
    begin, used = datetime.now(UTC), up.used()
    told = asyncio.run(http_load.send(url, clients=clients, seconds=seconds, name=name))
    took = (datetime.now(UTC) - begin).total_seconds()
    # Those of others are what is left of two clocks: with none, it may be a little less than nothing.
    processors = {part: max(0.0, after - used[part]) / took for part, after in up.used().items()}
    progress(f"{len(told.accepted):,} orders were accepted; waiting until they are stored")
    items = _await(deployment, name, len(told.accepted))
    progress("orders stack verify")
    report = verify(deployment, TimeRange(since=begin))
    accounted = account(told.accepted, items)
    counts = report.counts
    # What was refused must not be on the stream, and what came again must not be another order.
    is_verified = (
        not report.discrepancies
        and not report.counts.in_flight
        and counts.stored == len(told.accepted)
        and (counts.conflicts, counts.invalid) == (0, 0)
    )
    return _figures(told, clients, took) | {
        "lost": len(accounted.lost),
        "different": len(accounted.different),
        "strays": len(accounted.strays),
        "verify agrees": is_verified,
        "wrong answers": len(told.wrong),
        "examples": [*accounted.lost, *accounted.different, *accounted.strays, *told.wrong][:10],
        "agrees": accounted.agrees and is_verified and not told.wrong,
        "processors": processors,
    }


def _figures(told: Told, clients: int, took: float) -> dict[str, Any]:
    times = sorted(told.seconds)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {
        "clients": clients,
        "seconds": took,
        "requests": told.statuses.total(),
        "orders accepted": len(told.accepted),
        "sent again": told.again,
        "refused (422)": told.orders[422],
        "not taken (503)": told.orders[503],
        "without an answer": told.statuses[0],
        "requests/s": told.statuses.total() / took,
        "orders/s": len(told.accepted) / took,
    } | {f"{name} ms": 1000 * percentile(times, share) for name, share in shares.items()}


def _await(deployment: Deployment, name: str, wanted: int) -> dict[str, str]:
    """The fingerprints of the run's items by their ids, when as many are there as wanted, or no more come."""
    latest, moved = -1, time.monotonic()
    while True:
        items = _items(deployment, name)
        if len(items) > latest:
            latest, moved = len(items), time.monotonic()
        if len(items) >= wanted or time.monotonic() - moved > PATIENCE_SECONDS:
            return items
        time.sleep(1)


def _items(deployment: Deployment, name: str) -> dict[str, str]:
    pages = deployment.cloud.dynamodb.get_paginator("scan").paginate(
        TableName=deployment.table,
        ProjectionExpression="OrderID, CustomerID, Fingerprint",
        ConsistentRead=True,
    )
    return {
        item["OrderID"]["S"]: item["Fingerprint"]["S"]
        for page in pages
        for item in page["Items"]
        if item["CustomerID"]["S"].startswith(f"{name}-")
    }


ROWS = (
    *("clients", "seconds", "requests", "requests/s", "orders accepted", "orders/s", "p50 ms", "p95 ms"),
    *("p99 ms", "sent again", "refused (422)", "not taken (503)", "without an answer", "wrong answers"),
    *("lost", "different", "strays", "verify agrees"),
)


def rows(found: Mapping[str, Any]) -> Iterator[list[str]]:
    """The table without its heading: a name, and a cell for each run."""
    for row in ROWS:
        values = [run[row] for run in found.values()]
        yield [
            row,
            *("yes" if value is True else "NO" if value is False else f"{value:,.0f}" for value in values),
        ]


def text(found: Mapping[str, Any]) -> str:
    """What was measured, as Markdown."""
    lines = [f"| | {' | '.join(found)} |", f"|---|{'---:|' * len(found)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows(found)]
    return "\n".join([*lines, "", processors(found), ""])


def processors(found: Mapping[str, Any]) -> str:
    """Who kept the machine busy in the first run."""
    shares = next(iter(found.values()))["processors"]
    return "Processors used meanwhile: " + ", ".join(f"{name} {of:.2f}" for name, of in shares.items()) + "."


def show(found: Mapping[str, Any], console: Console) -> None:
    """Print it."""
    table = Table("", *found, title="Orders over HTTP on a local cloud")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows(found):
        table.add_row(*row)
    console.print(table)
    console.print(processors(found), highlight=False)
    for run in found.values():
        for example in run["examples"]:
            console.print(f"not as it should be: {example}", markup=False)


def main() -> None:
    """Print it; status 1 if an order is missing, or anything else is not as it should be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    options = parser.parse_args()
    errors = Console(stderr=True)
    found = measure(options.clients, options.seconds, lambda step: errors.print(step, style="dim"))
    if options.json:
        print(json.dumps(found))
    else:
        show(found, Console())
    if options.write:
        mark = "<!-- under load -->\n"
        new = re.sub(
            f"{mark}.*?{mark}", lambda _: f"{mark}{text(found)}{mark}", PAGE.read_text(), flags=re.DOTALL
        )
        PAGE.write_text(new)
    sys.exit(not all(run["agrees"] for run in found.values()))


if __name__ == "__main__":
    # It would tell of every order that was not taken.
    logging.getLogger("orderstream.api").setLevel(logging.ERROR)
    main()
