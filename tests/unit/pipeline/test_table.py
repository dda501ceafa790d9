"""Every answer of a batch is taken by its index: stored, there before, refused, or to be tried again."""

from collections.abc import Callable
from decimal import Decimal
from itertools import repeat
from typing import Any, TypeVar

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from orderstream.errors import CloudError
from orderstream.pipeline.attributes import attribute_value, plain_value
from orderstream.pipeline.statements import BYTES_PER_CALL
from orderstream.pipeline.table import InsertOutcome, InsertResult, OrderTable
from orderstream.testing.fakes import FakeDynamo, client_error

T = TypeVar("T")


class Clock:
    """Time that passes only while something sleeps."""

    def __init__(self, seconds: float = 60) -> None:
        self.left = seconds
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.left -= seconds

    def seconds_left(self) -> float:
        return self.left


def order(order_id: str, fingerprint: str = "f") -> dict[str, Any]:
    return {"OrderID": order_id, "OrderAmount": Decimal("1.10"), "Fingerprint": fingerprint}


def insert(
    dynamo: FakeDynamo, orders: list[dict[str, Any]], clock: Clock | None = None
) -> list[InsertOutcome]:
    clock = clock or Clock()
    table = OrderTable(dynamo, "Orders", sleep=clock.sleep, jitter=lambda: 1.0)
    return table.insert(orders, clock.seconds_left)


def results(outcomes: list[InsertOutcome]) -> list[InsertResult]:
    return [outcome.result for outcome in outcomes]


def test_new_orders_are_stored_in_calls_of_25() -> None:
    dynamo = FakeDynamo()
    assert results(insert(dynamo, [order(str(n)) for n in range(60)])) == [InsertResult.STORED] * 60
    assert [len(call) for call in dynamo.statements] == [25, 25, 10]
    assert dynamo.items["7"]["OrderAmount"] == {"N": "1.10"}


def test_a_call_has_no_more_bytes_than_its_bound_or_a_single_order() -> None:
    dynamo = FakeDynamo()
    small, large = {"Note": "x" * (BYTES_PER_CALL // 5)}, {"Note": "x" * BYTES_PER_CALL}
    orders = [order(str(number)) | small for number in range(10)]
    orders[5] |= large
    assert results(insert(dynamo, orders)) == [InsertResult.STORED] * 10
    assert dynamo.statements == [list("0123"), list("4"), list("5"), list("6789")]


@pytest.mark.parametrize("number", ["1E-130", "9.9E+125", "1.2345678901234567890123456789012345678E-93"])
def test_a_number_is_sent_without_long_rows_of_zeros(number: str) -> None:
    value = attribute_value(Decimal(number))
    assert len(value["N"]) <= 45
    assert plain_value(value) == Decimal(number)


def test_many_orders_that_are_there_are_read_though_dynamodb_answers_in_parts() -> None:
    dynamo = FakeDynamo()
    dynamo.keys_per_answer = 30
    orders = [order(str(n)) for n in range(250)]
    insert(dynamo, orders)
    assert results(insert(dynamo, orders)) == [InsertResult.DUPLICATE] * 250


def test_only_what_was_throttled_is_sent_again() -> None:
    refusals = {"3": 2, "30": 1}

    def fault(order_id: str) -> str | None:
        if refusals.get(order_id, 0):
            refusals[order_id] -= 1
            return "ThrottlingError"
        return None

    dynamo, clock = FakeDynamo(fault), Clock()
    assert results(insert(dynamo, [order(str(n)) for n in range(40)], clock)) == [InsertResult.STORED] * 40
    assert dynamo.statements[2:] == [["3", "30"], ["3"]]
    assert clock.pauses == [0.05, 0.1], "pauses grow"


def test_what_stays_throttled_is_undone_when_the_time_is_over() -> None:
    clock = Clock(seconds=2)
    dynamo = FakeDynamo(lambda order_id: "InternalServerError" if order_id == "b" else None)
    outcomes = insert(dynamo, [order("a"), order("b"), order("c")], clock)
    assert results(outcomes) == [InsertResult.STORED, InsertResult.RETRY, InsertResult.STORED]
    assert clock.left > 0


def test_calls_stop_when_the_time_is_over() -> None:
    clock = Clock()
    dynamo = FakeDynamo()

    def spend(order_id: str) -> None:
        clock.left -= 1

    dynamo.fault = spend
    outcomes = insert(dynamo, [order(str(n)) for n in range(100)], clock)
    assert results(outcomes) == [InsertResult.STORED] * 75 + [InsertResult.RETRY] * 25


def test_comparing_stops_when_the_time_is_over() -> None:
    clock = Clock()

    def slowly(call: str, effect: Callable[[], T]) -> T:
        clock.left -= 25 if call == "batch_get_item" else 0
        return effect()

    dynamo = FakeDynamo(around=slowly)
    orders = [order(str(n)) for n in range(350)]
    insert(dynamo, orders, clock)
    assert (
        results(insert(dynamo, orders, clock)) == [InsertResult.DUPLICATE] * 300 + [InsertResult.RETRY] * 50
    )


def test_an_order_that_vanishes_before_it_is_compared_is_undone() -> None:
    dynamo = FakeDynamo(lambda order_id: "DuplicateItem")
    assert results(insert(dynamo, [order("a")])) == [InsertResult.RETRY]


@pytest.mark.parametrize("code", ["AccessDenied", "ResourceNotFound", "SomethingNew"])
def test_a_table_that_cannot_be_used_is_an_error_at_once(code: str) -> None:
    with pytest.raises(CloudError, match=code):
        insert(FakeDynamo(lambda order_id: code), [order("a")])


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "ExpiredTokenException", "ResourceNotFoundException"]
)
def test_a_call_that_is_refused_for_good_is_an_error_at_once(code: str) -> None:
    dynamo, clock = FakeDynamo(), Clock()
    dynamo.failing_calls = repeat(client_error(code))
    with pytest.raises(CloudError, match=code):
        insert(dynamo, [order("a")], clock)
    assert clock.pauses == []


@pytest.mark.parametrize("error", [client_error("ThrottlingException"), client_error("Odd", status=503)])
def test_a_call_that_is_throttled_is_made_again_and_what_is_stored_stays_so(error: Exception) -> None:
    dynamo, clock = FakeDynamo(), Clock()
    orders = [order(str(n)) for n in range(60)]
    insert(dynamo, orders[:25])
    dynamo.failing_calls = iter([error, error])
    assert (
        results(insert(dynamo, orders, clock)) == [InsertResult.DUPLICATE] * 25 + [InsertResult.STORED] * 35
    )
    assert clock.pauses[:2] == [0.05, 0.1]


def test_a_dynamodb_that_stays_down_is_left_after_three_calls_and_the_rest_is_undone() -> None:
    dynamo, clock = FakeDynamo(), Clock()
    orders = [order(str(n)) for n in range(100)]
    dynamo.failing_calls = repeat(client_error("InternalServerError", status=500))
    assert results(insert(dynamo, orders, clock)) == [InsertResult.RETRY] * 100
    assert len(clock.pauses) == 2


@pytest.mark.parametrize("error", [ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError])
def test_a_dynamodb_that_cannot_be_reached_costs_one_call(error: type[Exception]) -> None:
    dynamo, clock = FakeDynamo(), Clock()
    dynamo.failing_calls = repeat(error(endpoint_url="http://dynamodb"))  # type: ignore[call-arg]
    assert results(insert(dynamo, [order("a"), order("b")], clock)) == [InsertResult.RETRY] * 2
    assert clock.pauses == []


def test_an_item_that_cannot_be_read_to_compare_is_undone_and_nothing_else_is() -> None:
    dynamo, clock = FakeDynamo(), Clock(seconds=3)
    insert(dynamo, [order("a")])

    def fail_reads(order_id: str) -> None:
        dynamo.failing_calls = repeat(client_error("ThrottlingException"))

    dynamo.fault = fail_reads
    outcomes = insert(dynamo, [order("b"), order("a")], clock)
    assert results(outcomes) == [InsertResult.STORED, InsertResult.RETRY]
    assert clock.left > 0


VALUES = st.recursive(
    st.text() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=2),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_values_come_back_from_dynamodbs_json_unchanged(value: Any) -> None:
    assert plain_value(attribute_value(value)) == value
