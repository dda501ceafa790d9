"""The benchmark measures what it says, and a handler that does less than its work is found out."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from bench.artifacts import NAIVE, NODE, OURS, here
from bench.events import FIRST_NUMBER, MAX_EVENT_BYTES, SIZES, traffic
from bench.processes import Stub
from bench.request_checks import BUCKET, TABLE

from bench import cold_starts, handlers
from orderstream.domain.decode import decode
from orderstream.pipeline.records import from_event

pytestmark = pytest.mark.system

ITEM = {
    "OrderID": {"S": "A"},
    "CustomerID": {"S": "c"},
    "OrderAmount": {"N": "2.50"},
    "OrderDate": {"S": "2026-11-22T18:00:00Z"},
}


@pytest.mark.parametrize("size", SIZES)
def test_every_order_of_the_traffic_is_one_of_about_its_size(size: int) -> None:
    made = traffic(200, size, seed=7)
    records = from_event(json.loads(made.event))
    assert made.orders == len(records) == 200
    assert records[0].sequence_number == str(FIRST_NUMBER + 7_000_000)
    orders = [decode(record.data).order for record in records]
    assert sum(order.amount for order in orders if order) == made.amount
    assert None not in orders
    assert size * 0.95 < sum(len(record.data) for record in records) / 200 < size * 1.05


def test_an_event_is_never_larger_than_lambdas() -> None:
    made = traffic(10_000, 600, seed=1)
    assert MAX_EVENT_BYTES * 0.99 < len(made.event) <= MAX_EVENT_BYTES
    assert len(json.loads(made.event)["Records"]) == made.orders < 10_000


def test_what_is_stored_and_archived_is_counted_with_its_amounts(
    stub: Stub, client: Callable[..., Any]
) -> None:
    for _ in range(2):
        client("dynamodb").put_item(TableName=TABLE, Item=ITEM)
    line = b'{"raw":{"order_id":"A","amount":"2.50"}}\n'
    client("s3").put_object(Bucket=BUCKET, Key="orders/x.ndjson.gz", Body=gzip.compress(line))
    asked = stub.asked()
    assert asked["faults"] == []
    assert asked["requests"] == {"PutItem": 2, "PutObject": 1}
    assert (asked["stored"], asked["stored_amount"], asked["write_units"]) == (1, "2.50", 2)
    assert (asked["archived"], asked["archived_amount"]) == (1, "2.50")


def test_what_is_not_signed_with_the_right_key_is_a_fault(stub: Stub, client: Callable[..., Any]) -> None:
    client("dynamodb", "another").put_item(TableName=TABLE, Item=ITEM)
    asked = stub.asked()
    assert (asked["stored"], len(asked["faults"])) == (0, 1)
    assert "signature is wrong" in asked["faults"][0]


@pytest.mark.parametrize("name", ITEM)
def test_an_item_without_one_of_its_attributes_is_a_fault(
    stub: Stub, client: Callable[..., Any], name: str
) -> None:
    item = {kept: value for kept, value in ITEM.items() if kept != name}
    client("dynamodb").put_item(TableName=TABLE, Item=item)
    asked = stub.asked()
    assert asked["stored"] == 0
    assert name in asked["faults"][0]


def test_handlers_and_cold_starts_are_measured_and_compared_with_the_targets() -> None:
    results = handlers.compare(rounds=1, batches=[20], peers=(NAIVE, OURS)) | handlers.function_costs(
        rounds=1
    )
    figures = results["figures"]
    assert [one["requests_per_1000"] for one in figures] == [2000, 100] * 4
    assert all(one["cpu_us"] > 0 and one["wall_us"] > 0 for one in figures)
    slow = [one for one in figures if one["setting"]["table_ms"] and one["peer"] == "naive"]
    assert all(one["wall_us"] >= 25_000 for one in slow), "the stub takes the time that it was told"
    assert results["breakdown"][0].keys() >= {"decode", "archive", "render", "sign", "call"}
    assert len(results["choices"]) == 3 * len(SIZES)
    assert all(one["before"] > 0 and one["after"] > 0 for one in results["choices"])
    starts = cold_starts.measure(rounds=1, peers=(NAIVE, OURS))
    assert len(starts) == 4
    assert all(0 < one["ready_ms"] < one["first_ms"] for one in starts)
    text = "\n".join(handlers.report(results | {"starts": starts}))
    assert "| requests for 1,000 orders, 60 B | 100 | ≤ 45 | missed |" in text
    only = "\n".join(handlers.report({"starts": starts, "skipped": [NODE.label]}))
    assert "Cold start" in only and "requests for" not in only and "CPU" not in only
    assert f"**Not measured: {NODE.label}.**" in only


def test_the_peer_on_node_stores_and_archives_every_order_where_there_is_node() -> None:
    found = handlers.compare(rounds=1, batches=[20], peers=here((NODE,)))["figures"]
    assert {one["requests_per_1000"] for one in found} <= {2000}
