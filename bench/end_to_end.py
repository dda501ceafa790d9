"""Orders through a local cloud, from the producer until each is an item; and what they cost the machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from zlib import crc32

from bench.harness import items, until_complete
from bench.proc_stats import usage, used_since
from orderstream.client import OrderProducer
from orderstream.errors import OrderstreamError
from orderstream.ingest.samples import Sample, samples
from orderstream.local.cloud import LocalCloud
from orderstream.lookup.function_log import log_lines
from orderstream.pipeline.telemetry import LATENCY, LogLine

# What the ids of items begin with that MiniStack alone was asked to insert.
ALONE = "Alone"


def orders(name: str, count: int) -> Iterator[Sample]:
    """So many valid orders; those of another name have other ids."""
    return islice(samples(crc32(name.encode())), count)


@dataclass(frozen=True)
class Run:
    """Orders that went through: the time until the last was an item, and the function's log.

    `used` are processor seconds (`proc_stats.usage`); those of this process are event source and producer.
    """

    seconds: float
    used: dict[str, float]
    log: list[LogLine]


def all_of(traffic: Iterable[Sample]) -> Callable[[OrderProducer], None]:
    """Sends the samples as fast as they are taken."""

    def send(producer: OrderProducer) -> None:
        for sample in traffic:
            producer.send_bytes(sample.data, partition_key=sample.partition_key)

    return send


class EndToEnd:
    """A running local cloud to measure. `sent` counts the orders; a producer buffers `buffer_bytes`."""

    def __init__(self, cloud: LocalCloud, buffer_bytes: int = 64 * 1024 * 1024) -> None:
        self._cloud = cloud
        self._buffer_bytes = buffer_bytes
        self.sent = 0
        pid = cloud.ministack.pid
        assert pid is not None
        self.ministack = pid
        # The functions' first start is not measured. Twice, because the first of a shard may all have gone to
        # a function that was started for another shard.
        for name in ("first", "second"):
            self.run(all_of(orders(name, 400)), 400)

    def run(self, send: Callable[[OrderProducer], object], count: int) -> Run:
        """Have `send` send so many orders, and wait until each is an item.

        Raises OrderstreamError when for a minute no further one is.
        """
        deployment = self._cloud.deployment
        before, begin = usage(self.ministack), time.time()
        with OrderProducer(
            deployment.stream, deployment.cloud.kinesis_no_retry, max_buffered_bytes=self._buffer_bytes
        ) as producer:
            send(producer)
            producer.flush()
            if producer.failed or producer.sent != count:
                raise OrderstreamError(f"{producer.sent} of {count} orders were sent")
        self.sent += count
        log = until_complete(
            lambda: self._log(begin), lambda lines: sum(line.stored for line in lines), count
        )
        self._cloud.check()
        if sum(line.stored for line in log) != count:
            raise OrderstreamError(f"{count} orders were sent, and the function logged: {log}")
        last = max(line.logged_at for line in log).timestamp()
        return Run(last - begin, used_since(before, usage(self.ministack)), log)

    def _log(self, begin: float) -> list[LogLine]:
        """The function's lines since `begin` about stored orders."""
        since = datetime.fromtimestamp(begin, UTC)
        pages = log_lines(self._cloud.deployment, f'"{LATENCY}"', since)
        return [line for page in pages for line in page if line.logged_at >= since and line.received]

    def check_all_stored(self) -> int:
        """How many items the table has; raises OrderstreamError if not as many as were sent."""
        stored = sum(not item["OrderID"].startswith(ALONE) for item in items(self._cloud.deployment))
        if stored != self.sent:
            raise OrderstreamError(f"{stored:,} of {self.sent:,} orders are stored")
        return stored
