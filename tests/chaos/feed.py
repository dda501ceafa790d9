"""Whole lives of orders with faults on the wire and killed processes, and a consumer of the change feed.

Prints what was announced and what the consumer saw. Ends with status 1 if it saw a gap, an order of versions
that never was, or anything that is not stored; if a version was not announced; or if `orders stack verify`
finds a discrepancy.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import count, takewhile
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench.harness import items, progress
from bench.report import table

from orderstream.domain.fold import is_placeholder
from orderstream.ingest.samples import Sample, samples
from orderstream.local.cloud import ACCOUNT, REGION, SECRET
from orderstream.local.event_source import EventSource
from orderstream.recovery.verify import verify
from orderstream.storage import stream
from tests.chaos.consumer import consume, seen_in
from tests.chaos.crashes import function_killed
from tests.chaos.environment import PATIENCE_SECONDS, TOKEN, Stage, event_source
from tests.chaos.feed_accounts import FeedAccounts, account_for_feed
from tests.chaos.wire_faults import SCENARIOS

PARAMETERS = {"ChangeFeed": "true", "ChangeFeedShardCount": "2"}
_DICE = random.Random(2)
_EVERYTHING = next(scenario for scenario in SCENARIOS if scenario.name == "everything")


@dataclass(frozen=True)
class FeedOutcome:
    """The accounts, how many faults were injected, kills of the function and of the consumer, and what
    `orders stack verify` says.
    """

    accounts: FeedAccounts
    injected: int
    function_kills: int
    consumer_kills: int
    discrepancies: list[str]

    @property
    def faults(self) -> list[str]:
        """Everything that must not be."""
        quiet = [] if self.injected and self.consumer_kills else ["nothing went wrong"]
        return quiet + self.accounts.faults + self.discrepancies


class FeedStage(Stage):
    """The cloud with a change feed, which reaches AWS over the wire too."""

    def __init__(self) -> None:
        super().__init__(PARAMETERS, batch_size=500)

    @contextmanager
    def announcing(self) -> Iterator[EventSource]:
        """Deliver the changes of the table to the function of the feed while the block runs."""
        lambda_, name = self.deployment.cloud.lambda_, self.deployment.publisher
        found = lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        lambda_.update_function_configuration(
            FunctionName=name,
            Environment={"Variables": found | {"AWS_ENDPOINT_URL": self.wire.endpoint_url}},
        )
        (mapping,) = lambda_.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        source = event_source(self.wire.endpoint_url, mapping["UUID"], self.work_dir / "announced.json")
        with source:
            yield source


def play_feed(
    stage: FeedStage, *, orders: int, rate: float, share: float = 1.0, pauses: tuple[float, float] = (1, 4)
) -> FeedOutcome:
    """Send so many orders at this rate, a share of them with events, while everything goes wrong.

    A function is killed after each of the `pauses` (seconds).
    """
    traffic = lives(orders, share)
    folder = stage.work_dir / "consumer"
    folder.mkdir()
    with stage.announcing() as feed, _consumer(stage, folder) as consumer_kills:
        with _EVERYTHING.trouble(stage) as injected, function_killed(stage, pauses) as kills:
            sent = stage.send(traffic, len(traffic) / rate)
            # What waits behind the faults takes its time too.
            stage.await_processed(sent, PATIENCE_SECONDS + 8 * len(traffic) / rate)
            faults, function_kills = sum(injected()), kills()[0]
        found = _settled(lambda: account(stage, folder, traffic))
        feed.check()
    report = verify(stage.deployment)
    return FeedOutcome(
        found,
        faults,
        function_kills,
        consumer_kills(),
        [f"verify: {one.kind} {one.id}: {one.detail}" for one in report.discrepancies],
    )


def lives(orders: int, share: float = 1.0) -> list[Sample]:
    """Orders, some sent twice and some not valid; a share of them with events, also late and early ones."""
    with_shares = partial(samples, bad_share=0.01, duplicate_share=0.03, conflict_share=0.01)
    whole, alone = with_shares(19, lives=True), with_shares(20)
    dice = random.Random(19)
    # Most records of whole lives are events.
    endless = (next(whole if dice.random() < 4 * share / (1 + 3 * share) else alone) for _ in count())
    known = 0

    def counted(sample: Sample) -> bool:
        nonlocal known
        known += sample.kind == "order"
        return known <= orders

    return list(takewhile(counted, endless))


def account(stage: Stage, folder: Path, traffic: list[Sample]) -> FeedAccounts:
    """The account at this moment."""
    told = (
        json.loads(one.data, parse_float=Decimal)
        for one in stream.records(stage.deployment.change_feed, sleep=lambda seconds: None)
    )
    stored = {item["OrderID"]: item for item in items(stage.deployment) if not is_placeholder(item)}
    sent = {json.loads(one.data)["order_id"] for one in traffic if one.kind in ("order", "duplicate")}
    return account_for_feed(told, seen_in(folder), stored, sent)


def _settled(account: Callable[[], FeedAccounts]) -> FeedAccounts:
    """The account as soon as the consumer has seen everything, or has seen nothing new for long."""
    last, since = -1, time.monotonic()
    while True:
        begun = time.monotonic()
        found = account()
        if found.processed == found.versions:
            return found
        if found.processed != last:
            last, since = found.processed, time.monotonic()
        elif time.monotonic() - since > PATIENCE_SECONDS:
            return found
        # To read everything takes longer the more there is.
        time.sleep(max(0.2, 2 * (time.monotonic() - begun)))


@contextmanager
def _consumer(stage: Stage, folder: Path) -> Iterator[Callable[[], int]]:
    """A consumer in a process of its own that is killed every few seconds and started again."""
    spawn = get_context("spawn")
    keys = (REGION, ACCOUNT, SECRET, TOKEN)
    arguments: tuple[Any, ...] = (stage.wire.endpoint_url, keys, stage.deployment.changes_stream, folder)
    over = threading.Event()
    kills = 0

    def run() -> None:
        nonlocal kills
        while not over.is_set():
            process = spawn.Process(target=consume, args=arguments, daemon=True)
            process.start()
            kills += not over.wait(_DICE.uniform(2, 12))
            process.kill()
            process.join()

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(run)
        try:
            yield lambda: kills
        finally:
            over.set()
        running.result()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.feed", description=__doc__)
    parser.add_argument("--orders", type=int, default=2500, help="orders (default: 2500)")
    parser.add_argument("--rate", type=float, default=200, help="records a second (default: 200)")
    parser.add_argument("--lives", type=float, default=1, help="share of orders with events (default: 1)")
    parser.add_argument(
        "--kill-every",
        type=float,
        default=4,
        help="most seconds between two kills of a function (default: 4)",
    )
    arguments = parser.parse_args()
    pauses = (arguments.kill_every / 4, arguments.kill_every)
    progress("starting the local cloud, with proxies before it")
    begun = time.monotonic()
    with FeedStage() as stage:
        outcome = play_feed(
            stage, orders=arguments.orders, rate=arguments.rate, share=arguments.lives, pauses=pauses
        )
    for fault in outcome.faults:
        progress(f"  {fault}")
    accounts = outcome.accounts
    row = {
        "orders": accounts.orders,
        "versions": accounts.versions,
        "announced": accounts.announced,
        "repeated": accounts.repeated,
        "seen": accounts.seen,
        "processed": accounts.processed,
        "gaps": len(accounts.gaps) + len(accounts.unannounced),
        "overtaken": len(accounts.overtaken),
        "invented": len(accounts.invented) + len(accounts.different),
    }
    columns = " | ".join(row)
    print(table("", f"| {columns} |", f"| {' | '.join(f'{{{name}:,}}' for name in row)} |", [row]))
    progress(
        f"{outcome.injected:,} faults on the wire, {outcome.function_kills} kills of functions and"
        f" {outcome.consumer_kills} of the consumer, in {time.monotonic() - begun:,.0f} s"
    )
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
