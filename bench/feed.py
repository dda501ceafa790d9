"""How long until an order is on the event bus, and what does announcing it cost beside storing it?

On the local cloud, at a modest rate: from the producer to the stream, to the table, to the stream of changes,
to a queue behind the event bus. Then the processor time of PublishChanges, and that of announcing orders in
the function that stores them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from statistics import mean, median, quantiles
from typing import Any

from bench.end_to_end import ALONE, EndToEnd, Run, orders
from bench.feed_costs import FeedCosts, measure_feed
from bench.harness import items, local_cloud, progress, until_complete
from bench.report import table
from orderstream.aws.deployment import Deployment
from orderstream.client import OrderProducer
from orderstream.errors import OrderstreamError

RATE = 20
# The template's default comes first.
WINDOWS = [1, 0]
LEGS = ("producer to stream", "stream to stored", "stored to announced", "announced to event bus")
_PARAMETERS = {
    "ShardCount": "1",
    "ChangeFeed": "true",
    "ChangeFeedShardCount": "1",
    "ChangeEventBus": "default",
}

# By the id of the order: seconds since the epoch.
Times = dict[str, float]


def measure(
    count: int = 300, windows: list[int] = WINDOWS, rounds: int = 5, batch: int = 1000
) -> dict[str, Any]:
    """So many orders for each batch window, in seconds; then rounds of `batch` orders and their events.

    Latencies are in ms.
    """
    latency = []
    for window in windows:
        with local_cloud(_PARAMETERS | {"BatchWindowSeconds": str(window)}) as cloud:
            queue = _Queue(cloud.deployment)
            end_to_end = EndToEnd(cloud)
            progress(f"{count:,} orders at {RATE}/s with a batch window of {window} s")
            legs = _legs(end_to_end, queue, cloud.deployment, count)
            latency.append({"window_seconds": window, "orders": count, "legs": legs})
            end_to_end.check_all_stored()
    costs = []
    for number in range(1, rounds + 1):
        progress(f"announcing {batch:,} orders and their events, round {number}")
        costs.append(asdict(measure_feed(batch)))
    return {"rate": RATE, "latency": latency, "batch": batch, "costs": costs}


class _Queue:
    """A queue that gets everything from the event bus."""

    def __init__(self, deployment: Deployment) -> None:
        cloud, name = deployment.cloud, "bench"
        self._sqs = cloud.sqs
        self._url = cloud.sqs.create_queue(QueueName=name)["QueueUrl"]
        about = cloud.sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        pattern = json.dumps({"source": [f"/orderstream/{deployment.name}"]})
        cloud.events.put_rule(Name=name, EventPattern=pattern)
        cloud.events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": about["Attributes"]["QueueArn"]}])
        self.sent_at: Times = {}

    def drain(self) -> Times:
        """When each order came for the first time."""
        while found := self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["SentTimestamp"]
        ).get("Messages"):
            for message in found:
                order_id = json.loads(message["Body"])["detail"]["subject"]
                at = int(message["Attributes"]["SentTimestamp"]) / 1000
                self.sent_at[order_id] = min(at, self.sent_at.get(order_id, at))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return self.sent_at


def _legs(
    end_to_end: EndToEnd, queue: _Queue, deployment: Deployment, count: int
) -> dict[str, dict[str, float]]:
    put_at: Times = {}

    def send(producer: OrderProducer) -> None:
        begin = time.monotonic()
        for number, sample in enumerate(orders("feed", count)):
            time.sleep(max(0.0, begin + number / RATE - time.monotonic()))
            put_at[json.loads(sample.data)["order_id"]] = time.time()
            producer.send_bytes(sample.data, partition_key=sample.partition_key)

    run = end_to_end.run(send, count)
    # Of the orders before these too.
    on_bus = until_complete(queue.drain, len, end_to_end.sent)
    found = [item for item in items(deployment) if not item["OrderID"].startswith(ALONE)]
    arrived_at = {item["OrderID"]: datetime.fromisoformat(item["ReceivedAt"]).timestamp() for item in found}
    stored_at, announced_at = _stored(run, found), _announced(deployment)
    steps = [put_at, arrived_at, stored_at, announced_at, on_bus]
    if missing := [name for name in put_at if not all(name in step for step in steps)]:
        raise OrderstreamError(f"{len(missing)} of {count} orders did not come through")
    legs = dict(zip(LEGS, zip(steps, steps[1:], strict=False), strict=True)) | {"all": (put_at, on_bus)}
    return {leg: _percentiles(put_at, *ends) for leg, ends in legs.items()}


def _percentiles(some: Mapping[str, float], begin: Times, end: Times) -> dict[str, float]:
    # The clocks of the services have whole milliseconds.
    values = [max(0.0, end[name] - begin[name]) * 1000 for name in some]
    return {"p50_ms": median(values), "p99_ms": quantiles(values, n=100, method="inclusive")[98]}


def _stored(run: Run, found: list[dict[str, Any]]) -> Times:
    """When each order of a run was stored: the last of its batch arrived, and waited least."""
    by_number = {int(item["EventID"].rpartition(":")[2]): item for item in found}
    stored: Times = {}
    for line in run.log:
        assert line.first_sequence_number and line.last_sequence_number and line.latencies
        first, last = int(line.first_sequence_number), int(line.last_sequence_number)
        batch = [item for number, item in by_number.items() if first <= number <= last]
        arrived = max(datetime.fromisoformat(item["ReceivedAt"]).timestamp() for item in batch)
        stored |= dict.fromkeys((item["OrderID"] for item in batch), arrived + min(line.latencies) / 1000)
    return stored


def _announced(deployment: Deployment) -> Times:
    """When the first announcement of each order was on the stream of changes."""
    kinesis, stream = deployment.cloud.kinesis, deployment.changes_stream
    found: Times = {}
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while (answer := kinesis.get_records(ShardIterator=iterator))["Records"]:
            iterator = answer["NextShardIterator"]
            for record in answer["Records"]:
                at = record["ApproximateArrivalTimestamp"].astimezone(UTC).timestamp()
                found.setdefault(record["PartitionKey"], at)
    return found


def report(results: dict[str, Any]) -> Iterator[str]:
    """Latency of each leg, and processor time."""
    windows = results["latency"]
    names = [f"{one['window_seconds']} s" for one in windows]
    yield table(
        f"From the producer to the event bus, {windows[0]['orders']:,} orders at {results['rate']}/s",
        f"| ms |{''.join(f' window {name}: p50 | p99 |' for name in names)}",
        "| {leg} |" + "".join(f" {{p50_{n}:,.0f}} | {{p99_{n}:,.0f}} |" for n in range(len(names))),
        (
            {"leg": leg}
            | {f"p50_{n}": one["legs"][leg]["p50_ms"] for n, one in enumerate(windows)}
            | {f"p99_{n}": one["legs"][leg]["p99_ms"] for n, one in enumerate(windows)}
            for leg in (*LEGS, "all")
        ),
    )
    costs = [FeedCosts(**one) for one in results["costs"]]
    store = median(one.store_us for one in costs)
    rows = {
        "ProcessOrders stores an order": store,
        "PublishChanges announces an order": median(one.order_us for one in costs),
        "PublishChanges announces an event": median(mean(one.event_us) for one in costs),
        "if ProcessOrders announced an order": median(one.in_function_us for one in costs),
        "of that, PutRecords": median(one.put_us for one in costs),
    }
    yield table(
        f"Processor time of a version, batches of {results['batch']:,}",
        "| | µs | of storing an order |",
        "| {what} | {us:,.0f} | {share:.0%} |",
        ({"what": what, "us": us, "share": us / store} for what, us in rows.items()),
    )
