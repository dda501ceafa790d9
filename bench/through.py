"""Orders through a laptop cloud, and the same work asked of its MiniStack alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import msgspec

from bench import raw, shop
from bench.processes import processor_seconds
from orderstream.client import OrderProducer
from orderstream.errors import OrderstreamError
from orderstream.local.laptop import Laptop
from orderstream.ops.cloud import cloud_errors

T = TypeVar("T")

# The stream and the table that nobody reads from: laid out as those of the stack.
ALONE = "Alone"
RECORDS_A_CALL = 500
STATEMENTS_A_CALL = 25
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
    """Orders that went through: the time until the last was an item, and MiniStack's processor time."""

    seconds: float
    ministack_seconds: float
    log: Sequence[LogLine]


class Through:
    """A running laptop cloud to measure. Counts in `sent` what was sent to the stack's stream.

    `buffer_bytes` is what a producer lets wait.
    """

    def __init__(self, laptop: Laptop, buffer_bytes: int = 64 * 1024 * 1024) -> None:
        self.laptop = laptop
        self.buffer_bytes = buffer_bytes
        self.port = int(laptop.endpoint_url.rpartition(":")[2])
        self.sent = 0
        self._items: list[dict[str, Any]] = []
        pid = laptop.ministack.pid
        assert pid is not None
        self.ministack = pid
        # The functions' first start is none of what is measured. Twice, because the first of a shard
        # may all have gone to one that was started for another.
        for name in ("wake", "woken"):
            self.orders(shop.orders(400, name), 400)
        self._lay_out_alone()

    def orders(self, orders: Iterable[tuple[bytes, str]], count: int) -> Run:
        """Send `count` orders (data, partition key) at once, and wait until each is an item.

        Raises OrderstreamError when for a minute no further one is.
        """
        return self.through(lambda producer: _send(producer, orders), count)

    def through(self, send: Callable[[OrderProducer], object], count: int) -> Run:
        """The same, with `send` to send so many orders."""
        stack, cloud = self.laptop.stack, self.laptop.cloud
        before, used = self.stored(), processor_seconds(self.ministack)
        begin = time.time()
        with OrderProducer(
            stack.stream, cloud.kinesis_once, max_buffered_bytes=self.buffer_bytes
        ) as producer:
            send(producer)
            producer.flush()
            if producer.failed or producer.sent != count:
                raise OrderstreamError(f"{producer.sent} of {count} orders were sent")
        self.sent += count
        self._await(before + count)
        used = processor_seconds(self.ministack) - used
        log = self._log(begin, count)
        return Run(max(line.at for line in log) - begin, used, log)

    def stored(self) -> int:
        """How many items the table says it has; MiniStack keeps count, so this costs next to nothing."""
        table = self.laptop.cloud.dynamodb.describe_table(TableName=self.laptop.stack.table)
        return table["Table"]["ItemCount"]

    def counted(self) -> int:
        """How many items the table has, by reading it."""
        pages = self.laptop.cloud.dynamodb.get_paginator("scan").paginate(
            TableName=self.laptop.stack.table, Select="COUNT"
        )
        return sum(page["Count"] for page in pages)

    def records_alone(self, count: int, name: str) -> float:
        """Records a second that MiniStack takes by PutRecords of 500, with nobody to read them."""
        requests = [raw.put_records(ALONE, some) for some in chunks(shop.orders(count, name), RECORDS_A_CALL)]
        return count / raw.send(self.port, requests)[0]

    def inserts_alone(self, count: int, name: str) -> float:
        """Orders a second that MiniStack inserts by BatchExecuteStatement of 25 of the function's items."""
        return count / raw.send(self.port, list(self.inserts(count, name)))[0]

    def inserts(self, count: int, name: str) -> Iterator[raw.Request]:
        """The calls for that."""
        items = (
            self._items[number % len(self._items)] | {"OrderID": {"S": f"{name}-{number:07d}"}}
            for number in range(count)
        )
        return (raw.insert(ALONE, some) for some in chunks(items, STATEMENTS_A_CALL))

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
            logGroupName=f"/aws/lambda/{self.laptop.stack.function}",
            startTime=int(begin * 1000),
            filterPattern='"ArrivalToStored"',
        )
        for page in pages:
            for event in page["events"]:
                yield msgspec.json.decode(event["message"], type=LogLine)

    def _lay_out_alone(self) -> None:
        cloud, stack = self.laptop.cloud, self.laptop.stack
        with cloud_errors("cannot make a stream and a table like the stack's"):
            shards = cloud.kinesis.list_shards(StreamName=stack.stream)["Shards"]
            cloud.kinesis.create_stream(StreamName=ALONE, ShardCount=len(shards))
            table = cloud.dynamodb.describe_table(TableName=stack.table)["Table"]
            cloud.dynamodb.create_table(
                TableName=ALONE,
                KeySchema=table["KeySchema"],
                AttributeDefinitions=table["AttributeDefinitions"],
                BillingMode="PAY_PER_REQUEST",
                GlobalSecondaryIndexes=[
                    {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}  # type: ignore[misc]
                    for index in table.get("GlobalSecondaryIndexes", [])
                ],
            )
            self._items = cloud.dynamodb.scan(TableName=stack.table, Limit=200)["Items"]


def _send(producer: OrderProducer, orders: Iterable[tuple[bytes, str]]) -> None:
    for data, partition_key in orders:
        producer.send_bytes(data, partition_key=partition_key)


def chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values, so many at a time."""
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk
