"""The reconciliation keeps of events all that a fold reads, and finds the orders that they belong to."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from orderstream.domain.fold import fold, in_order
from orderstream.domain.lifecycle import TRANSITIONS
from orderstream.pipeline.attributes import attribute_value
from orderstream.recovery.order_states import compare
from orderstream.recovery.reconciliation_store import ReconciliationStore

AT = "2026-11-22T18:00:00.000000Z"
LATER = "2026-11-22T19:00:00.000000Z"
ITEM: dict[str, Any] = {
    "OrderID": "A",
    "EventID": "s:1",
    "OrderAmount": Decimal("9.50"),
    "Currency": "EUR",
    "Items": [{"sku": "s", "quantity": Decimal(1), "unit_price": Decimal("9.50")}],
    "ReceivedAt": AT,
    "ArchiveKey": "orders/a.ndjson.gz",
}


def row(number: int, event: str, **more: Any) -> dict[str, Any]:
    return {
        "OrderID": "A",
        "Position": f"{AT}/{number:032x}/s:{number}",
        "Event": event,
        "OccurredAt": AT,
        "Details": '{"note": "n"}',
        "EventID": f"s:{number}",
        "ReceivedAt": AT,
        "ArchiveKey": "orders/a.ndjson.gz",
        **more,
    }


LINE = {"sku": "t", "quantity": Decimal(2), "unit_price": Decimal("0.50")}
ROWS = [
    row(2, "amended", Amount=Decimal("1"), Items=[LINE], Seq=Decimal(2), ProducerEventID="x"),
    row(3, "paid", Amount=Decimal("1"), Currency="EUR", Seq=Decimal(1)),
    row(4, "captured", Amount=Decimal("0.10"), Currency="USD"),
    row(5, "packed", ProducerEventID="x"),
]


def test_orders_are_compared_from_what_the_store_keeps_of_them() -> None:
    folded = fold(ITEM, ROWS, TRANSITIONS)
    item = ITEM | folded.state | {"Version": Decimal(5)}
    texts = {name: value for name, value in item.items() if isinstance(value, str)}
    with ReconciliationStore() as store:
        store.add_items([texts | {"state": json.dumps(attribute_value(item)["M"]).encode()}])
        store.add_items([{"OrderID": "B", "EventID": "s:9", "ReceivedAt": AT}])
        store.add_items([{"OrderID": "C", "Pending": "order", "PendingSince": AT}])
        store.events.add(ROWS)
        store.events.add(one | {"OrderID": order_id} for order_id in ("B", "C") for one in ROWS[:1])
        one, other = store.events.orders()
        assert (store.events.count(), store.events.waiting()) == (6, (1, AT))
    assert (one.order_id, one.item) == ("A", item)
    kept = fold(item, one.events, TRANSITIONS)
    assert kept.state == folded.state
    effects = [(step.effect, step.row["EventID"]) for step in folded.steps]
    assert [(step.effect, step.row["EventID"]) for step in kept.steps] == effects
    assert len({effect for effect, _ in effects}) > 1 and in_order(one.events)[0]["EventID"] == "s:3"
    assert compare("A", one.item, one.events, LATER) == []
    assert (other.order_id, other.item) == ("B", None)
    assert [found.kind for found in compare("B", None, other.events, LATER)] == ["event_not_applied"]
    assert compare("B", None, other.events, AT) == [], "it may be on its way"
