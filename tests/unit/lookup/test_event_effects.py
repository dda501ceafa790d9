"""The effect of each event is named by its record, also where the item does not have it yet."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from orderstream.domain.order_event import position_hash
from orderstream.lookup.event_effects import effects_of

ITEM = {
    "OrderID": "A",
    "EventID": "s:1",
    "OrderAmount": Decimal(9),
    "Currency": "EUR",
    "ReceivedAt": "2026-11-22T18:00:00.000000Z",
}


def row(number: int, event: str, **more: Any) -> dict[str, Any]:
    at = f"2026-11-22T18:00:0{number}.000000Z"
    return {
        "OrderID": "A",
        "Position": f"{at}/{number:032x}",
        "Event": event,
        "OccurredAt": at,
        "EventID": f"s:{number}",
        "ReceivedAt": at,
        **more,
    }


ROWS = [row(2, "paid", Amount=Decimal("9.50")), row(3, "delivered"), row(4, "packed")]


def test_the_effects_are_those_of_the_fold_and_what_is_not_applied_is_only_stored() -> None:
    applied = "".join(sorted(position_hash(one["Position"]) for one in ROWS[:2]))
    assert effects_of(ITEM | {"Applied": applied}, ROWS) == {
        "s:2": ("applied", "paid: status paid, total 9, captured 9.5, refunded 0"),
        "s:3": ("forbidden", "delivered: delivered may not follow paid"),
        "s:4": ("stored", "packed, not applied yet"),
    }


def test_events_of_an_order_that_has_not_arrived_wait() -> None:
    placeholder = {"OrderID": "A", "Pending": "order", "PendingSince": ROWS[0]["ReceivedAt"]}
    for item in (None, placeholder):
        assert {one.what for one in effects_of(item, ROWS).values()} == {"waiting"}
