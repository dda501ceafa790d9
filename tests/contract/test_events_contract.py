"""DynamoDB as the events of orders rely on it: conditional updates, rows with two keys, and their query."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orderstream.domain.lifecycle import TRANSITIONS
from orderstream.errors import CloudError
from orderstream.pipeline.attributes import attribute_value, plain_value
from orderstream.pipeline.event_table import EventTable
from orderstream.pipeline.lifecycle import EventResult, Lifecycle
from orderstream.pipeline.state_update import update_statement
from orderstream.pipeline.statements import Result
from orderstream.pipeline.table import InsertResult, OrderTable
from tests.contract.conftest import TABLE
from tests.contract.statements import insert

Item = dict[str, Any]


def update(dynamo: Any, state: Item, item: Item, gone: tuple[str, ...] = ()) -> str | None:
    """The error code of an update that gives an item this state, None for success."""
    text, values = update_statement(TABLE, state, gone, item)
    statement = {"Statement": text, "Parameters": [attribute_value(value) for value in values]}
    (response,) = dynamo.batch_execute_statement(Statements=[statement])["Responses"]
    code: str | None = response.get("Error", {}).get("Code")
    return code


def read(dynamo: Any, order_id: str) -> Item | None:
    return (
        OrderTable(dynamo, TABLE)
        .read([order_id], lambda: 60.0, ("OrderID", "Status", "Version", "Pending"))
        .get(order_id)
    )


def order(order_id: str, **more: Any) -> Item:
    return {
        "OrderID": order_id,
        "OrderAmount": Decimal(100),
        "Currency": "EUR",
        "Status": "placed",
        "EventID": f"shard-1:{order_id}",
        "ReceivedAt": "2026-11-22T18:30:00.000000Z",
        "Fingerprint": f"fingerprint {order_id}",
        **more,
    }


def event(order_id: str, name: str, number: int, **more: Any) -> Item:
    at = f"2026-11-22T18:30:{number:02}.000000Z"
    return {
        "OrderID": order_id,
        "Position": f"{at}/{name}",
        "Event": name,
        "OccurredAt": at,
        "EventID": f"shard-1:{number}",
        "ReceivedAt": at,
        "ArchiveKey": "orders/key",
        **more,
    }


def test_an_update_is_made_only_to_the_version_that_was_read(dynamo: Any) -> None:
    item = order("A")
    insert(dynamo, item)
    assert update(dynamo, {"Status": "paid", "Version": 2}, item) is None
    assert update(dynamo, {"Status": "stale", "Version": 2}, item) == "ConditionalCheckFailed"
    assert update(dynamo, {"Status": "packed", "Version": 3}, item | {"Version": 2}) is None
    assert (
        update(dynamo, {"Status": "stale", "Version": 3}, item | {"Version": 2}) == "ConditionalCheckFailed"
    )
    assert read(dynamo, "A") == {"OrderID": "A", "Status": "packed", "Version": 3}


def test_an_update_removes_what_is_gone_and_leaves_the_rest(dynamo: Any) -> None:
    item = order("A", Pending="event", PendingSince="2026-11-22T18:30:00.000000Z")
    insert(dynamo, item)
    assert update(dynamo, {"Version": 2}, item, gone=("Pending", "PendingSince")) is None
    assert read(dynamo, "A") == {"OrderID": "A", "Status": "placed", "Version": 2}


def test_an_update_of_what_is_not_there_creates_nothing(dynamo: Any) -> None:
    assert update(dynamo, {"Version": 2}, order("A")) == "ConditionalCheckFailed"
    assert read(dynamo, "A") is None


def test_each_update_of_a_batch_is_answered_at_its_own_place(dynamo: Any) -> None:
    items = [order(str(number)) for number in range(60)]
    insert(dynamo, *items[:20])
    insert(dynamo, *items[30:50])
    table = OrderTable(dynamo, TABLE)

    def render(index: int) -> tuple[str, list[Item]]:
        text, values = update_statement(TABLE, {"Version": 2}, (), items[index])
        return text, [attribute_value(value) for value in values]

    done = table.statements.execute(render, [100] * 60, lambda: 60.0)
    there = [*range(20), *range(30, 50)]
    assert [number for number, one in enumerate(done) if one.result is Result.DONE] == there
    assert {one.result for one in done} == {Result.DONE, Result.CHANGED}


def test_an_event_is_put_once_by_both_its_keys_and_the_events_of_an_order_are_read_together(
    dynamo: Any, events_table: str
) -> None:
    table = EventTable(dynamo, events_table, OrderTable(dynamo, TABLE))
    rows = [event("A", "paid", 1, Amount=Decimal("1.50")), event("A", "packed", 2), event("B", "paid", 1)]
    assert [one.result for one in table.insert(rows, lambda: 60.0)] == [Result.DONE] * 3
    assert [one.result for one in table.insert(rows[:1], lambda: 60.0)] == [Result.EXISTS]
    assert table.read("A") == rows[:2]
    assert dict(table.read_each(["B", "C"], lambda: 60.0)) == {"B": rows[2:], "C": []}


def test_many_events_are_read_over_all_pages(dynamo: Any, events_table: str) -> None:
    table = EventTable(dynamo, events_table, OrderTable(dynamo, TABLE))
    # A page of a query has at most a megabyte.
    rows = [event("A", "captured", number, Details="x" * 100_000) for number in range(25)]
    table.insert(rows, lambda: 60.0)
    assert [row["Position"] for row in table.read("A")] == [row["Position"] for row in rows]


def test_a_table_of_events_that_is_not_there_is_a_cloud_error(dynamo: Any) -> None:
    table = EventTable(dynamo, "Elsewhere", OrderTable(dynamo, TABLE))
    with pytest.raises(CloudError, match="ResourceNotFound"):
        table.insert([event("A", "paid", 1)], lambda: 60.0)
    with pytest.raises(CloudError, match="ResourceNotFound"):
        table.read("A")


def test_events_wait_for_their_order_and_are_applied_when_it_comes(dynamo: Any, events_table: str) -> None:
    table = OrderTable(dynamo, TABLE)
    lifecycle = Lifecycle(table, EventTable(dynamo, events_table, table), TRANSITIONS)
    rows = [event("A", "packed", 2), event("A", "paid", 1)]
    outcomes, _ = lifecycle.apply(rows, lambda: 60.0)
    assert [one.result for one in outcomes] == [EventResult.WAITING] * 2
    assert read(dynamo, "A") == {"OrderID": "A", "Pending": "order"}
    (stored,) = table.insert([order("A")], lambda: 60.0)
    assert (stored.result, stored.has_events) == (InsertResult.STORED, True)
    (again,) = table.insert([order("A")], lambda: 60.0)
    assert (again.result, again.has_events) == (InsertResult.DUPLICATE, True)
    assert not lifecycle.settle(["A"], lambda: 60.0).failed
    assert read(dynamo, "A") == {"OrderID": "A", "Status": "packed", "Version": 3}
    (again,) = table.insert([order("A")], lambda: 60.0)
    assert (again.result, again.has_events) == (InsertResult.DUPLICATE, False)
    (conflict,) = table.insert([order("A", Fingerprint="other")], lambda: 60.0)
    assert conflict.result is InsertResult.CONFLICT


def test_all_attributes_of_a_state_come_back(dynamo: Any, events_table: str) -> None:
    table = OrderTable(dynamo, TABLE)
    lifecycle = Lifecycle(table, EventTable(dynamo, events_table, table), TRANSITIONS)
    table.insert([order("A")], lambda: 60.0)
    lines = [{"sku": "S", "quantity": 2, "unit_price": Decimal("0.05")}]
    rows = [
        event("A", "amended", 1, Amount=Decimal("0.1"), Items=lines),
        event("A", "paid", 2, Amount=Decimal("0.1"), Seq=2),
    ]
    lifecycle.apply(rows, lambda: 60.0)
    answer = dynamo.batch_get_item(
        RequestItems={
            TABLE: {
                "Keys": [{"OrderID": {"S": "A"}}],
                "ConsistentRead": True,
                "ProjectionExpression": ", ".join(f"#{n}" for n in range(7)),
                "ExpressionAttributeNames": {
                    f"#{n}": name
                    for n, name in enumerate(
                        ("AmendedItems", "Total", "Captured", "Balance", "MissingSeq", "Pending", "Version")
                    )
                },
            }
        }
    )
    (item,) = (plain_value({"M": one}) for one in answer["Responses"][TABLE])
    assert item == {
        "AmendedItems": lines,
        "Total": Decimal("0.1"),
        "Captured": Decimal("0.1"),
        "Balance": Decimal("0.1"),
        "MissingSeq": 1,
        "Pending": "event",
        "Version": 3,
    }
