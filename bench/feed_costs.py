"""What announcing a version of an order takes: its bytes on the stream, and processor time.

The functions' own code runs here, with the SDK, on a MiniStack. That is a process of its own, so its time
does not count.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.event_costs import EVENTS, event_bytes, function_on_ministack, run_function
from bench.events import SIZES, event_of, traffic
from bench.worker import Context
from orderstream.aws.clients import AwsClients
from orderstream.aws.kinesis_event import event_of as event_of_records
from orderstream.domain.user_model import order_model
from orderstream.feed.changes import changes_in
from orderstream.feed.cloud_event import cloud_event
from orderstream.feed.lambda_handler import FeedServices, handle_with, services_of
from orderstream.feed.publisher import Announcement
from orderstream.local.esm.dynamodb_reader import DynamoDBReader, keep_records_as_json
from orderstream.local.esm.shards import TRIM_HORIZON

STREAM = "OrderChanges"
_BATCH = 1000


@dataclass(frozen=True)
class FeedCosts:
    """Of an order and of each event of it: bytes of the announcement, and processor time of PublishChanges in
    µs. Each event is in another batch of as many.

    `order_size` and `event_size` are as sent. `store_us` is what the function takes to store an order, and
    `in_function_us` what it would take to announce it itself, of which `put_us` are for PutRecords. `log` are
    the bytes of the log line of a batch.
    """

    order_size: float
    event_size: float
    order_bytes: float
    event_bytes: tuple[float, ...]
    order_us: float
    event_us: tuple[float, ...]
    store_us: float
    in_function_us: float
    put_us: float
    log: int


def measure_feed(batch: int = _BATCH, size: int = SIZES[1]) -> FeedCosts:
    """A batch of orders of about `size` bytes, then for each event a batch with that of every order."""
    orders = json.loads(traffic(batch, size, seed=1).event)
    with TemporaryDirectory() as folder, function_on_ministack(Path(folder)) as (use, cloud):
        cloud.kinesis.create_stream(StreamName=STREAM, ShardCount=2)
        os.environ["CHANGES_STREAM_NAME"] = STREAM
        feed = services_of(os.environ)
        reader, announced = _reader(cloud), _Announced(cloud)
        store_us, _ = run_function(use, orders)
        records = _records(reader, batch)
        in_function_us, put_us = _in_function(feed, records)
        announced.bytes_since()
        order_us, log = _announce(feed, records)
        spent = [order_us]
        sizes = [announced.bytes_since() / batch]
        ids = [record["dynamodb"]["Keys"]["OrderID"]["S"] for record in records]
        sent = 0
        for seq, name in enumerate(EVENTS, start=1):
            some = [event_bytes(order_id, name, seq) for order_id in ids]
            sent += sum(map(len, some))
            run_function(use, json.loads(event_of(some, seed=1 + seq)))
            spent.append(_announce(feed, _records(reader, batch))[0])
            sizes.append(announced.bytes_since() / batch)
    return FeedCosts(
        order_size=size,
        event_size=sent / batch / len(EVENTS),
        order_bytes=sizes[0],
        event_bytes=tuple(sizes[1:]),
        order_us=spent[0],
        event_us=tuple(spent[1:]),
        store_us=store_us,
        in_function_us=in_function_us,
        put_us=put_us,
        log=log,
    )


def _reader(cloud: AwsClients) -> DynamoDBReader:
    keep_records_as_json(cloud.dynamodb_streams)
    arn = cloud.dynamodb.describe_table(TableName="Orders")["Table"]["LatestStreamArn"]
    (shard,) = cloud.dynamodb_streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    return DynamoDBReader(cloud.dynamodb_streams, arn, shard["ShardId"], TRIM_HORIZON)


def _records(reader: DynamoDBReader, count: int) -> list[dict[str, Any]]:
    """The next so many records of the table's stream, as the function gets them."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        page = reader.read(count, time.monotonic())
        found += json.loads(event_of_records(page.records))["Records"]
    return found


class _Announced:
    """The bytes on the stream, as far as nobody asked for them before."""

    def __init__(self, cloud: AwsClients) -> None:
        self._kinesis = cloud.kinesis
        self._iterators = [
            cloud.kinesis.get_shard_iterator(
                StreamName=STREAM, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            for shard in cloud.kinesis.list_shards(StreamName=STREAM)["Shards"]
        ]

    def bytes_since(self) -> int:
        return sum(map(len, self._new()))

    def _new(self) -> Iterator[bytes]:
        for number, iterator in enumerate(self._iterators):
            while True:
                answer = self._kinesis.get_records(ShardIterator=iterator)
                iterator = answer["NextShardIterator"]
                yield from (record["Data"] for record in answer["Records"])
                if not answer["Records"]:
                    break
            self._iterators[number] = iterator


def _timed(work: Callable[[], object], count: int) -> float:
    begin = time.process_time()
    work()
    return (time.process_time() - begin) / count * 1e6


def _announce(feed: FeedServices, records: list[dict[str, Any]]) -> tuple[float, int]:
    """Processor time of PublishChanges in µs a record, and the bytes of its log line."""
    said = io.StringIO()

    def run() -> None:
        with redirect_stdout(said):
            answer = handle_with(feed, {"Records": records}, Context())
        assert answer == {"batchItemFailures": []}, said.getvalue()

    return _timed(run, len(records)), len(said.getvalue())


def _in_function(feed: FeedServices, records: list[dict[str, Any]]) -> tuple[float, float]:
    """The same for new orders if the function that stores them announced them, and of that the calls."""
    # It has the items: only what makes announcements of them counts.
    changes = changes_in(records)
    announcements: list[Announcement] = []

    def make() -> None:
        for change in changes:
            body = cloud_event(change, [], order_model(), source=feed.source, personal=False)
            announcements.append(Announcement(change.order_id, body))

    made = _timed(make, len(records))
    put = _timed(lambda: feed.publisher.put(announcements, 60), len(records))
    return made + put, put
