"""Orders through a local cloud, from the producer until each is an item; and what they cost the machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bench import sample_orders
from bench.proc_stats import busy_seconds, children, processor_seconds
from orderstream.client import OrderProducer
from orderstream.errors import OrderstreamError
from orderstream.local.cloud import LocalCloud

PATIENCE_SECONDS = 60
LOOK_SECONDS = 0.2


class LogLine(msgspec.Struct):
    """The line that the function logs for each invocation, as far as it is used here."""

    aws: dict[str, Any] = msgspec.field(name="_aws")
    Stored: int = 0
    Received: int = 0
    ArrivalToStored: list[int] = []

    @property
    def at(self) -> float:
        """When the batch was done, in seconds since the epoch."""
        return float(self.aws["Timestamp"]) / 1000


@dataclass(frozen=True)
class Run:
    """Orders that went through: the time until the last was an item, and what that took.

    Processor seconds of MiniStack, of the functions, of this process (event source and producer), and of
    all else on the machine meanwhile. `log` are the function's lines.
    """

    seconds: float
    ministack: float
    functions: float
    ours: float
    others: float
    log: Sequence[LogLine]


class Through:
    """A running local cloud to measure. Counts in `sent` what was sent to the stack's stream.

    `buffer_bytes` is what a producer lets wait.
    """

    def __init__(self, laptop: LocalCloud, buffer_bytes: int = 64 * 1024 * 1024) -> None:
        self.laptop = laptop
        self.buffer_bytes = buffer_bytes
        self.sent = 0
        pid = laptop.ministack.pid
        assert pid is not None
        self.ministack = pid
        # The functions' first start is none of what is measured. Twice, because the first of a shard
        # may all have gone to one that was started for another.
        for name in ("wake", "woken"):
            self.orders(sample_orders.orders(400, name), 400)

    def orders(self, orders: Iterable[tuple[bytes, str]], count: int) -> Run:
        """Send `count` orders (data, partition key) at once, and wait until each is an item.

        Raises OrderstreamError when for a minute no further one is.
        """
        return self.through(lambda producer: _send(producer, orders), count)

    def through(self, send: Callable[[OrderProducer], object], count: int) -> Run:
        """The same, with `send` to send so many orders."""
        stack, cloud = self.laptop.deployment, self.laptop.cloud
        before, used = self.stored(), self._used()
        begin = time.time()
        with OrderProducer(
            stack.stream, cloud.kinesis_no_retry, max_buffered_bytes=self.buffer_bytes
        ) as producer:
            send(producer)
            producer.flush()
            if producer.failed or producer.sent != count:
                raise OrderstreamError(f"{producer.sent} of {count} orders were sent")
        self.sent += count
        self._await(before + count)
        ministack, functions, ours, all_of_them = (
            after - first for first, after in zip(used, self._used(), strict=True)
        )
        log = self._log(begin, count)
        others = max(0.0, all_of_them - ministack - functions - ours)
        return Run(max(line.at for line in log) - begin, ministack, functions, ours, others, log)

    def _used(self) -> tuple[float, float, float, float]:
        """Processor seconds until now of MiniStack, the functions, this process, and the whole machine."""
        functions = sum(processor_seconds(child) for child in children(self.ministack))
        return processor_seconds(self.ministack), functions, time.process_time(), busy_seconds()

    def stored(self) -> int:
        """How many items the table says it has; MiniStack keeps count, so this costs next to nothing."""
        table = self.laptop.cloud.dynamodb.describe_table(TableName=self.laptop.deployment.table)
        return table["Table"]["ItemCount"]

    def counted(self) -> int:
        """How many items the table has, by reading it."""
        pages = self.laptop.cloud.dynamodb.get_paginator("scan").paginate(
            TableName=self.laptop.deployment.table, Select="COUNT"
        )
        return sum(page["Count"] for page in pages)

    def _await(self, wanted: int) -> None:
        latest, moved = -1, time.monotonic()
        while (stored := self.stored()) < wanted:
            self.laptop.check()
            if stored > latest:
                latest, moved = stored, time.monotonic()
            if time.monotonic() - moved > PATIENCE_SECONDS:
                raise OrderstreamError(f"{stored} of {wanted} orders are stored, and no more come")
            time.sleep(LOOK_SECONDS)

    def _log(self, begin: float, count: int) -> list[LogLine]:
        """The function's lines since `begin`, when they say that all are stored; each follows its items."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            lines = [line for line in self._lines(begin) if line.at >= begin and line.Received]
            if sum(line.Stored for line in lines) == count:
                return lines
            if time.monotonic() > deadline:
                raise OrderstreamError(f"the log does not account for {count} orders")
            time.sleep(LOOK_SECONDS)

    def _lines(self, begin: float) -> Iterator[LogLine]:
        pages = self.laptop.cloud.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{self.laptop.deployment.function}",
            startTime=int(begin * 1000),
            filterPattern='"ArrivalToStored"',
        )
        for page in pages:
            for event in page["events"]:
                yield msgspec.json.decode(event["message"], type=LogLine)


def _send(producer: OrderProducer, orders: Iterable[tuple[bytes, str]]) -> None:
    for data, partition_key in orders:
        producer.send_bytes(data, partition_key=partition_key)
