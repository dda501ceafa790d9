"""Calls are made at the same time, as many as the memory is good for, whichever ends first."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from botocore.exceptions import EndpointConnectionError

from orderstream.domain.decode import decode
from orderstream.domain.object_keys import order_key
from orderstream.errors import CloudError
from orderstream.pipeline.archive import OrderArchive
from orderstream.pipeline.archive_codec import original_bytes, read_line
from orderstream.pipeline.concurrency import MOST_THREADS, threads_for
from orderstream.pipeline.records import Record
from orderstream.pipeline.table import InsertResult, OrderTable
from orderstream.testing.fakes import FakeDynamo, FakeStore, client_error

T = TypeVar("T")


@pytest.fixture
def threads() -> Any:
    with ThreadPoolExecutor(4) as executor:
        yield executor


def order(number: int) -> dict[str, Any]:
    return {"OrderID": str(number), "OrderAmount": Decimal(number), "Fingerprint": "f"}


@pytest.mark.parametrize(
    ("memory_mb", "expected"), [(128, 2), (512, 2), (1024, 5), (1769, 8), (3008, 8), (10240, MOST_THREADS)]
)
def test_threads_grow_with_the_memory_up_to_one_processor(memory_mb: int, expected: int) -> None:
    assert threads_for(memory_mb) == expected


def test_calls_are_made_together_and_each_answer_goes_to_its_item(
    threads: ThreadPoolExecutor,
) -> None:
    # Nobody gets an answer before four are under way; with one at a time this would time out.
    together = threading.Barrier(4, timeout=30)

    def meet(call: str, effect: Callable[[], T]) -> T:
        if call == "insert":
            together.wait()
        return effect()

    dynamo = FakeDynamo(lambda order_id: "ValidationError" if order_id == "37" else None, around=meet)
    table = OrderTable(dynamo, "Orders", each=threads.map)
    outcomes = table.insert([order(number) for number in range(100)], lambda: 60.0)
    assert [number for number, outcome in enumerate(outcomes) if outcome.result is InsertResult.REFUSED] == [
        37
    ]
    assert sum(outcome.result is InsertResult.STORED for outcome in outcomes) == 99


def test_a_table_that_cannot_be_used_is_an_error_only_when_no_call_is_under_way_any_more(
    threads: ThreadPoolExecutor,
) -> None:
    under_way: set[int] = set()
    together = threading.Barrier(4, timeout=30)

    def fail(call: str, effect: Callable[[], T]) -> T:
        under_way.add(threading.get_ident())
        number = together.wait()
        if number == 0:
            under_way.remove(threading.get_ident())
            raise client_error("AccessDeniedException")
        try:
            return effect()
        finally:
            under_way.remove(threading.get_ident())

    table = OrderTable(FakeDynamo(around=fail), "Orders", each=threads.map)
    with pytest.raises(CloudError, match="AccessDenied"):
        table.insert([order(number) for number in range(100)], lambda: 60.0)
    assert not under_way


def test_after_a_call_that_failed_no_other_is_begun(threads: ThreadPoolExecutor) -> None:
    calls: list[str] = []

    def fail(call: str, effect: Callable[[], T]) -> T:
        calls.append(call)
        raise EndpointConnectionError(endpoint_url="http://dynamodb")

    table = OrderTable(FakeDynamo(around=fail), "Orders", each=threads.map)
    outcomes = table.insert([order(number) for number in range(1000)], lambda: 60.0)
    assert {outcome.result for outcome in outcomes} == {InsertResult.RETRY}
    assert len(calls) <= 4, "those that were under way, of 40"


def test_of_orders_with_one_id_the_first_has_the_key_however_many_are_written_at_a_time(
    threads: ThreadPoolExecutor,
) -> None:
    def record(number: int) -> Record:
        data = f'{{"order_id": "{number % 10}", "customer_id": "c", "amount": {number + 1}}}'.encode()
        at = datetime(2026, 11, 22, 18, tzinfo=UTC)
        return Record(f"shard:{number}", "shard", str(number), "key", at, data)

    store = FakeStore()
    records = [record(number) for number in range(100)]
    places = OrderArchive(store, threads.map).write(records, [decode(record.data) for record in records])
    for number, one in enumerate(records):
        assert places[one.event_id].differs == (number >= 10)
        if number < 10:
            assert original_bytes(read_line(store.objects[order_key(str(number))])) == one.data
