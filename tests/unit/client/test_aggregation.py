"""OrderProducer with aggregates: each order has the outcome of its aggregate, and keys keep their order."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest

from orderstream.client import DeliveryError
from orderstream.client.aggregation import MAX_AGGREGATE_BYTES, PARTS, Aggregator
from orderstream.client.put_records import MAX_RECORD_BYTES
from orderstream.client.records import OrderRecord
from orderstream.errors import InputError
from orderstream.pipeline.deaggregate import deaggregate
from orderstream.pipeline.records import Record
from tests.unit.client.fake_kinesis import (
    AnswerLost,
    FakeKinesis,
    FakeTime,
    api_error,
    producer_of,
    refuse,
    refuse_all,
)


class HeldTime(FakeTime):
    """Stands still until it is released: so an aggregate is only sent when it is full, or at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held = True

    def sleep(self, condition: threading.Condition, seconds: float) -> None:
        if self.is_held:
            condition.wait(30)
        else:
            super().sleep(condition, seconds)


def split(key: str, data: bytes, shard_id: str = "s", sequence_number: str = "1") -> list[Record]:
    """What the function makes of a record of the stream."""
    event_id, now = f"{shard_id}:{sequence_number}", datetime.now(UTC)
    return deaggregate(Record(event_id, shard_id, sequence_number, key, now, data))


def received(kinesis: FakeKinesis) -> dict[str, list[Any]]:
    """The documents by partition key, in the order of their shard."""
    found = defaultdict(list)
    for shard in kinesis.shards:
        for key, data in shard:
            for one in split(key, data):
                found[str(one.partition_key)].append(json.loads(one.data))
    return dict(found)


def order(key: str, number: int) -> dict[str, Any]:
    return {"order_id": f"{key}-{number}", "customer_id": key, "number": number}


def test_orders_share_records_and_each_key_keeps_its_order_in_one_shard() -> None:
    kinesis = FakeKinesis()
    keys = [f"customer {number}" for number in range(50)]
    with producer_of(kinesis, HeldTime(), aggregate_seconds=1) as producer:
        for number in range(20):
            for key in keys:
                producer.send(order(key, number))
    assert received(kinesis) == {key: [order(key, number) for number in range(20)] for key in keys}
    assert producer.sent == 1000
    assert len(kinesis.stored) < 50
    for number, shard in enumerate(kinesis.shards):
        # Where it would be by itself.
        assert {kinesis.shard_of(str(one.partition_key)) for put in shard for one in split(*put)} <= {number}


def test_the_receipt_of_an_order_names_the_event_that_the_function_makes_of_it() -> None:
    kinesis = FakeKinesis()
    with producer_of(kinesis, HeldTime(), aggregate_seconds=1) as producer:
        sent = [producer.send(order("a", number)) for number in range(3)]
    receipts = [one.result() for one in sent]
    (((key, data),),) = [shard for shard in kinesis.shards if shard]
    found = split(key, data, receipts[0].shard_id, receipts[0].sequence_number)
    assert [
        (one.order_id, f"{one.shard_id}:{one.sequence_number}:{one.subsequence_number}") for one in receipts
    ] == [(f"a-{number}", one.event_id) for number, one in enumerate(found)]


def test_an_aggregate_is_sent_when_its_time_is_over() -> None:
    kinesis, time = FakeKinesis(), FakeTime()
    with producer_of(kinesis, time, aggregate_seconds=2) as producer:
        assert producer.send(order("a", 1)).result(30).order_id == "a-1"
        assert time.now == 2


def test_flush_does_not_wait_for_aggregates_to_fill() -> None:
    kinesis = FakeKinesis()
    with producer_of(kinesis, HeldTime(), aggregate_seconds=1e9) as producer:
        sent = producer.send(order("a", 1))
        producer.flush()
        assert sent.done()


def test_each_order_of_a_refused_aggregate_is_retried_with_it_in_order() -> None:
    kinesis, time = FakeKinesis([refuse(0), api_error("ThrottlingException"), AnswerLost()]), HeldTime()
    with producer_of(kinesis, time, aggregate_seconds=1) as producer:
        sent = [producer.send(order("a", number)) for number in range(5)]
        time.is_held = False
    assert {one.result().attempts for one in sent} == {4}
    # The lost response had arrived: twice, but under the same ids and in the same order.
    assert received(kinesis) == {"a": [order("a", number) for number in range(5)] * 2}


def test_each_order_of_an_aggregate_fails_with_it() -> None:
    kinesis, time = FakeKinesis([refuse_all] * 1000), HeldTime()
    with producer_of(kinesis, time, aggregate_seconds=1, give_up_after_seconds=5) as producer:
        sent = [producer.send(order(key, number)) for key in "abc" for number in range(5)]
        time.is_held = False
    failures = [one.exception() for one in sent]
    assert all(isinstance(failure, DeliveryError) for failure in failures)
    assert [getattr(failure, "order_id", "") for failure in failures] == [
        f"{key}-{number}" for key in "abc" for number in range(5)
    ]
    assert (producer.sent, producer.failed, kinesis.stored) == (0, 15, [])


def test_the_memory_of_orders_in_aggregates_is_limited_too() -> None:
    kinesis = FakeKinesis(is_open=False)
    size = 2 * MAX_RECORD_BYTES
    with producer_of(kinesis, aggregate_seconds=1e-9, max_buffered_bytes=size) as producer:
        for number in range(3000):
            if producer._queue.has_room(1000 + producer._aggregator.bytes):
                producer.send(order("a", number))
        assert size * 0.9 < producer._aggregator.bytes + producer._queue.buffered_bytes <= size * 1.1
        kinesis.open.set()
        producer.flush()
        assert producer._aggregator.bytes == 0


def record(key: str, size: int) -> OrderRecord:
    data = b"x" * (size - len(key.encode()))
    return OrderRecord(key, size, 0.0, data=data)


def test_an_aggregate_is_never_larger_than_two_put_payload_units() -> None:
    aggregator = Aggregator(1)
    full = [
        one
        for number in range(5000)
        for one in aggregator.add(record(f"{number % 700}{'ü' * (number % 100)}", 250 + number % 500))
    ]
    full += aggregator.close_due(1)
    assert sum(one.orders for one in full) == 5000
    assert all(one.size <= 51_200 for one in full)
    assert max(one.size for one in full) > 0.85 * MAX_AGGREGATE_BYTES
    assert len({one.partition_key for one in full}) == PARTS
    for one in full:
        inner = [(found.partition_key, found.data) for found in split(one.partition_key, one.data)]
        assert inner == [(found.partition_key, found.data) for found in one.inner]


def test_a_large_record_is_alone_and_one_that_does_not_fit_is_refused() -> None:
    aggregator = Aggregator(1)
    assert aggregator.add(record("a", 100)) == []
    before, large = aggregator.add(record("a", 400_000))
    assert (before.orders, large.orders) == (1, 1)
    (largest,) = aggregator.add(record("k" * 256, MAX_RECORD_BYTES - 52))
    assert largest.size <= MAX_RECORD_BYTES
    with pytest.raises(InputError, match="too large for an aggregate"):
        aggregator.add(record("a", MAX_RECORD_BYTES - 51))


def test_aggregate_seconds_is_not_negative() -> None:
    with pytest.raises(InputError, match="aggregate_seconds is 0 or more"):
        producer_of(FakeKinesis(), aggregate_seconds=-1)
