"""DynamoDB as the pipeline relies on it: the fake keeps it, and so does a real client on MiniStack.

Left out is what MiniStack does not do as AWS does: it takes numbers of more than 38 digits, and gives
numbers back as they were written, where AWS trims their zeros.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from orderstream.errors import CloudError
from orderstream.pipeline.attributes import plain_value
from orderstream.pipeline.table import InsertOutcome, InsertResult, OrderTable
from tests.contract.conftest import TABLE
from tests.contract.statements import insert

Item = dict[str, Any]


def read(dynamo: Any, *order_ids: str, names: str = "OrderID, Said", table: str = TABLE) -> dict[str, Item]:
    request = {
        "Keys": [{"OrderID": {"S": order_id}} for order_id in order_ids],
        "ConsistentRead": True,
        "ProjectionExpression": names,
    }
    answer = dynamo.batch_get_item(RequestItems={table: request})
    assert not answer.get("UnprocessedKeys")
    found = [plain_value({"M": item}) for item in answer["Responses"][table]]
    return {item["OrderID"]: item for item in found}


def order(order_id: str, value: Any = "first") -> Item:
    return {"OrderID": order_id, "Said": value}


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    code: str = error.value.response["Error"]["Code"]
    return code


def test_an_insert_is_a_put_if_absent(dynamo: Any) -> None:
    assert insert(dynamo, order("A")) == [None]
    assert insert(dynamo, order("A", "second")) == ["DuplicateItem"]
    assert read(dynamo, "A") == {"A": order("A")}


def test_each_statement_is_answered_at_its_own_place_and_the_others_are_carried_out(dynamo: Any) -> None:
    insert(dynamo, order("B"), order("D"))
    codes = insert(dynamo, order("A"), order("B"), order("C"), order("D"), order(""), order("E"))
    assert codes == [None, "DuplicateItem", None, "DuplicateItem", "ValidationError", None]
    assert read(dynamo, *"ABCDE").keys() == set("ABCDE")


def test_of_the_same_key_twice_in_a_batch_the_first_stays(dynamo: Any) -> None:
    # AWS does not say how it answers the second. The pipeline never asks: it sends an id once.
    first, second, other = insert(dynamo, order("A"), order("A", "second"), order("B"))
    assert (first, other) == (None, None)
    assert second is not None
    assert read(dynamo, "A", "B") == {"A": order("A"), "B": order("B")}


def test_25_statements_are_taken_and_26_are_refused_whole(dynamo: Any) -> None:
    batch = [order(str(number)) for number in range(26)]
    with pytest.raises(ClientError) as error:
        insert(dynamo, *batch)
    assert code_of(error) == "ValidationException"
    assert insert(dynamo, *batch[:25]) == [None] * 25
    # As after an answer that was lost.
    assert insert(dynamo, *batch[:25]) == ["DuplicateItem"] * 25


def test_a_batch_of_nothing_is_refused(dynamo: Any) -> None:
    # By botocore before it is sent; the function's own client leaves it to DynamoDB.
    with pytest.raises((ParamValidationError, ClientError)):
        insert(dynamo)
    with pytest.raises((ParamValidationError, ClientError)):
        read(dynamo)


def test_a_table_that_is_not_there_is_said_of_each_statement(dynamo: Any) -> None:
    assert insert(dynamo, order("A"), order("B"), table="Elsewhere") == ["ResourceNotFound"] * 2


def test_a_read_of_a_table_that_is_not_there_fails_whole(dynamo: Any) -> None:
    with pytest.raises(ClientError) as error:
        read(dynamo, "A", table="Elsewhere")
    assert code_of(error) == "ResourceNotFoundException"


def test_a_read_gives_what_is_there_of_what_was_asked(dynamo: Any) -> None:
    insert(dynamo, *({**order(name), "More": "unasked"} for name in "ABC"))
    assert read(dynamo, "C", "X", "A") == {"A": order("A"), "C": order("C")}
    assert read(dynamo, "A", names="OrderID, Absent, More") == {"A": {"OrderID": "A", "More": "unasked"}}
    assert read(dynamo, "X") == {}


def test_100_keys_are_read_and_101_are_refused(dynamo: Any) -> None:
    insert(dynamo, order("7"))
    keys = [str(number) for number in range(101)]
    with pytest.raises(ClientError) as error:
        read(dynamo, *keys)
    assert code_of(error) == "ValidationException"
    assert read(dynamo, *keys[:100]).keys() == {"7"}


def test_a_key_asked_for_twice_is_refused(dynamo: Any) -> None:
    with pytest.raises(ClientError) as error:
        read(dynamo, "A", "A")
    assert code_of(error) == "ValidationException"


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1234567890123456789012345678901234567.8"),
        Decimal("9" * 38 + "E+88"),
        Decimal("1E-130"),
        Decimal("250"),
        10**37 + 1,
        "Zoë 🧾 \u2028 'quoted' \"twice\" ?",
        "",
        [],
        [{"sku": "A", "quantity": 2, "unit_price": Decimal("0.10")}, {}],
    ],
)
def test_every_value_comes_back_exactly(dynamo: Any, value: Any) -> None:
    assert insert(dynamo, order("A", value)) == [None]
    assert read(dynamo, "A")["A"]["Said"] == value


def stored(order_id: str, fingerprint: str = "f") -> Item:
    return {
        "OrderID": order_id,
        "CustomerID": "c",
        "OrderAmount": Decimal("19.90"),
        "Items": [{"sku": "A", "quantity": 1, "unit_price": Decimal("19.90")}],
        "Fingerprint": fingerprint,
    }


def put(dynamo: Any, items: list[Item], table: str = TABLE) -> list[InsertOutcome]:
    return OrderTable(dynamo, table).insert(items, lambda: 60.0)


def test_the_table_tells_new_repeated_and_other_orders_apart(dynamo: Any) -> None:
    first = [stored(str(number)) for number in range(130)]
    assert [outcome.result for outcome in put(dynamo, first)] == [InsertResult.STORED] * 130
    again = put(dynamo, [*first, stored("new")])
    assert [outcome.result for outcome in again] == [InsertResult.DUPLICATE] * 130 + [InsertResult.STORED]
    same, other, third = put(dynamo, [stored("1"), stored("2", "g"), stored("3")])
    assert (same.result, other.result, third.result) == (
        InsertResult.DUPLICATE,
        InsertResult.CONFLICT,
        InsertResult.DUPLICATE,
    )
    assert other.stored == {
        "OrderID": "2",
        "CustomerID": "c",
        "OrderAmount": Decimal("19.9"),
        "Fingerprint": "f",
    }


def test_the_table_refuses_one_order_alone(dynamo: Any) -> None:
    outcomes = put(dynamo, [stored("A"), stored(""), stored("B")])
    assert [outcome.result for outcome in outcomes] == [
        InsertResult.STORED,
        InsertResult.REFUSED,
        InsertResult.STORED,
    ]
    assert outcomes[1].message


def test_a_table_that_is_not_there_is_a_cloud_error(dynamo: Any) -> None:
    with pytest.raises(CloudError, match="ResourceNotFound"):
        put(dynamo, [stored("A")], table="Elsewhere")
