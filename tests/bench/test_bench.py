"""The bench measures what it says, and a handler that does less than its work is found out."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from bench.__main__ import by_part, machine
from bench.artifacts import NAIVE, OURS, make
from bench.events import FIRST_NUMBER, MAX_EVENT_BYTES, SIZES, traffic
from bench.processes import Stub
from bench.request_checks import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, TABLE
from bench.thresholds import targets
from botocore.config import Config

from bench import cold_start, handlers
from orderstream.domain.decode import decode
from orderstream.domain.object_keys import ORDERS
from orderstream.pipeline.records import from_event


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with Stub() as running:
        yield running


class Clients:
    """Clients of the SDK that speak to the stub."""

    def __init__(self, stub: Stub, secret_key: str = SECRET_KEY) -> None:
        session = botocore.session.Session()
        session.set_credentials(ACCESS_KEY, secret_key)
        where: dict[str, Any] = {"region_name": REGION, "endpoint_url": f"http://127.0.0.1:{stub.port}"}
        config = Config(retries={"total_max_attempts": 1})
        self.dynamodb: Any = session.create_client("dynamodb", config=config, **where)
        self.s3: Any = session.create_client("s3", config=config, **where)


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


def test_what_is_stored_and_archived_is_counted_with_its_amounts(stub: Stub) -> None:
    clients = Clients(stub)
    stub.begin()
    clients.dynamodb.put_item(TableName=TABLE, Item=ITEM)
    clients.dynamodb.put_item(TableName=TABLE, Item=ITEM)
    line = b'{"raw":{"order_id":"A","amount":"2.50"}}\n'
    clients.s3.put_object(Bucket=BUCKET, Key=f"{ORDERS}x.ndjson.gz", Body=gzip.compress(line))
    asked = stub.asked()
    assert asked["faults"] == []
    assert asked["requests"] == {"PutItem": 2, "PutObject": 1}
    assert (asked["stored"], asked["stored_amount"], asked["write_units"]) == (1, "2.50", 2)
    assert (asked["archived"], asked["archived_amount"]) == (1, "2.50")


def test_what_is_not_signed_with_the_right_key_is_a_fault(stub: Stub) -> None:
    stub.begin()
    Clients(stub, secret_key="another").dynamodb.put_item(TableName=TABLE, Item=ITEM)
    asked = stub.asked()
    assert (asked["stored"], len(asked["faults"])) == (0, 1)
    assert "signature is wrong" in asked["faults"][0]


@pytest.mark.parametrize("name", ITEM)
def test_an_item_without_one_of_its_attributes_is_a_fault(stub: Stub, name: str) -> None:
    stub.begin()
    item = {kept: value for kept, value in ITEM.items() if kept != name}
    Clients(stub).dynamodb.put_item(TableName=TABLE, Item=item)
    assert stub.asked()["stored"] == 0
    assert name in stub.asked()["faults"][0]


def test_handlers_and_cold_starts_are_measured_and_held_against_the_targets() -> None:
    for peer in (NAIVE, OURS):
        make(peer)
    steps: list[str] = []
    results: dict[str, Any] = {
        "date": "2026-11-24",
        "machine": machine(),
        "versions": {},
        "handlers": handlers.measure(
            rounds=1, batches=[20], target_batch=20, progress=steps.append, peers=(NAIVE, OURS)
        ),
        "floor": {"60": by_part("cost_breakdown.py", 60)},
    }
    figures = results["handlers"]["figures"]
    assert [one["requests_per_1000"] for one in figures] == [2000, 100] * 4
    assert all(one["cpu_us"] > 0 and one["wall_us"] > 0 for one in figures)
    slow = [one for one in figures if one["setting"]["table_ms"] and one["peer"] == "naive"]
    assert all(one["wall_us"] >= 25_000 for one in slow), "the stub takes the time that it was told"
    assert results["floor"]["60"].keys() >= {"decode", "archive", "render", "sign", "call"}
    choices = by_part("ablation.py", 60)
    assert len(choices) == 5
    assert all(one["before"] > 0 and one["after"] > 0 for one in choices)
    assert steps
    starts = cold_start.measure(rounds=1, progress=steps.append, peers=(NAIVE, OURS))
    assert len(starts) == 4
    assert all(0 < one["ready_ms"] < one["first_ms"] for one in starts)
    measured = {target.name: target.measured for target in targets(results, batch=20)}
    assert measured["requests for 1,000 orders, 60 B"] == "100"
