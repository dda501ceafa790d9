"""The state of an order is the fold over its events: their order counts, not that of their arrival."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from orderstream.domain.fold import Folded, applied_hashes, fold
from orderstream.domain.lifecycle import TRANSITIONS

Row = dict[str, Any]

ORDER = {
    "OrderID": "A",
    "OrderAmount": Decimal(100),
    "Currency": "EUR",
    "ReceivedAt": "2026-11-22T10:00:00.000000Z",
}


def at(hour: int) -> str:
    return f"2026-11-22T{hour:02}:00:00.000000Z"


def timed(event: str, hour: int, content: str = "", **more: Any) -> Row:
    """An event that says when it occurred."""
    return {
        "Event": event,
        "OccurredAt": at(hour),
        "Position": f"{at(hour)}/{content or f'{event}{more}'}",
        **more,
    }


def arrived(event: str, hour: int, record: str, **more: Any) -> Row:
    """An event whose time is that of its arrival."""
    return {
        "Event": event,
        "OccurredAt": at(hour),
        "Position": f"{at(hour)}/{event}{more}/shard-1:{record}",
        **more,
    }


def after(*rows: Row, order: dict[str, Any] = ORDER) -> dict[str, Any]:
    return folded(rows, order).state


def folded(rows: Sequence[Row], order: dict[str, Any] = ORDER) -> Folded:
    return fold(order, rows, TRANSITIONS)


def effects(*rows: Row) -> list[tuple[str, str, str]]:
    return [(step.row["Event"], step.effect.value, step.reason) for step in folded(rows).steps]


def test_an_order_without_events_is_as_it_was_placed() -> None:
    assert after() == {
        "Status": "placed",
        "UpdatedAt": ORDER["ReceivedAt"],
        "Total": 100,
        "Captured": 0,
        "Refunded": 0,
        "Balance": 0,
        "Applied": "",
    }


def test_events_by_number_are_in_its_order_whatever_their_times() -> None:
    rows = [timed("packed", 11, Seq=2), timed("paid", 15, Seq=1), timed("shipped", 12, Seq=3)]
    for order in permutations(rows):
        assert after(*order)["Status"] == "shipped"
        assert after(*order)["UpdatedAt"] == at(15)


def test_events_without_a_number_are_in_the_order_of_their_time() -> None:
    rows = [timed("packed", 12), timed("paid", 11), timed("shipped", 13)]
    for order in permutations(rows):
        assert after(*order)["Status"] == "shipped"


def test_at_one_time_the_id_of_the_producer_decides() -> None:
    rows = [timed("packed", 11, ProducerEventID="b"), timed("paid", 11, ProducerEventID="a")]
    assert after(*rows)["Status"] == after(*rows[::-1])["Status"] == "packed"


def test_events_that_arrived_at_one_time_are_in_the_order_of_the_stream() -> None:
    rows = [arrived("paid", 11, "9"), arrived("packed", 11, "10")]
    assert after(*rows)["Status"] == after(*rows[::-1])["Status"] == "packed"


def test_an_event_without_a_number_stands_behind_those_before_it_in_time() -> None:
    numbered = [timed("paid", 11, Seq=1), timed("packed", 13, Seq=2)]
    assert after(*numbered, timed("cancelled", 12))["Status"] == "cancelled"
    assert after(*numbered, timed("shipped", 13))["Status"] == "shipped"


def test_what_the_transitions_forbid_is_marked_and_stops_nothing() -> None:
    rows = [timed("shipped", 11), timed("paid", 12), timed("packed", 13)]
    assert effects(*rows) == [
        ("shipped", "forbidden", "shipped may not follow placed"),
        ("paid", "applied", ""),
        ("packed", "applied", ""),
    ]
    state = after(*rows)
    assert (state["Status"], state["Forbidden"], state["UpdatedAt"]) == ("packed", 1, at(13))


def test_an_event_that_was_sent_twice_counts_once() -> None:
    capture = {"Amount": Decimal(40), "ProducerEventID": "k"}
    rows = [arrived("captured", 11, "7", **capture), arrived("captured", 12, "8", **capture)]
    assert after(*rows)["Captured"] == 40
    assert effects(*rows)[1] == ("captured", "duplicate", "was sent before")
    assert "Forbidden" not in after(*rows)


def test_a_number_makes_an_event_the_same_in_every_record() -> None:
    rows = [
        arrived("captured", 11, "7", Amount=Decimal(40), Seq=1),
        arrived("captured", 12, "8", Amount=Decimal(40), Seq=1),
    ]
    assert after(*rows)["Captured"] == 40


def test_without_an_id_a_number_or_a_time_each_record_is_another_event() -> None:
    rows = [arrived("captured", 11, record, Amount=Decimal(40)) for record in "78"]
    assert after(*rows)["Captured"] == 80


def test_of_two_events_with_one_id_the_first_in_time_counts_whichever_arrived_first() -> None:
    rows = [
        timed("captured", 12, ProducerEventID="k", Amount=Decimal(1)),
        timed("captured", 11, ProducerEventID="k", Amount=Decimal(2)),
    ]
    for order in permutations(rows):
        assert after(*order)["Captured"] == 2
        assert after(*order)["Forbidden"] == 1
    assert effects(*rows)[1] == ("captured", "conflict", "has the event_id of another event")


def test_money_is_added_up_exactly() -> None:
    rows = [
        timed("paid", 11, Amount=Decimal("99.99")),
        timed("captured", 12, Amount=Decimal("0.01")),
        timed("refunded", 13, Amount=Decimal("33.33")),
    ]
    state = after(*rows)
    assert (state["Captured"], state["Refunded"], state["Balance"]) == (
        100,
        Decimal("33.33"),
        Decimal("66.67"),
    )
    assert state["Status"] == "paid"


def test_an_order_is_refunded_once_everything_that_was_captured_is() -> None:
    rows = [
        timed("paid", 11, Amount=Decimal(100)),
        timed("refunded", 12, Amount=Decimal(40)),
        timed("refunded", 13, Amount=Decimal(60)),
    ]
    assert after(*rows[:2])["Status"] == "paid"
    assert (after(*rows)["Status"], after(*rows)["Balance"]) == ("refunded", 0)


def test_no_more_is_refunded_than_was_captured() -> None:
    rows = [timed("captured", 11, Amount=Decimal(10)), timed("refunded", 12, Amount=Decimal("10.01"))]
    assert effects(*rows)[1] == ("refunded", "forbidden", "refunds 10.01 in all, of 10 that was captured")
    assert after(*rows)["Refunded"] == 0
    late = timed("captured", 10, Amount=Decimal("0.01"))
    assert after(*rows, late)["Refunded"] == Decimal("10.01")


def test_an_amendment_changes_the_total_and_the_items() -> None:
    lines = [{"sku": "S", "quantity": 1, "unit_price": Decimal(80)}]
    assert after(timed("amended", 11, Amount=Decimal(80)))["Total"] == 80
    state = after(timed("amended", 11, Amount=Decimal(80), Items=lines))
    assert (state["Total"], state["AmendedItems"]) == (80, lines)


def test_an_amount_alone_does_not_fit_an_order_with_items() -> None:
    with_items = ORDER | {"Items": [{"sku": "S", "quantity": 1, "unit_price": Decimal(100)}]}
    state = after(timed("amended", 11, Amount=Decimal(80)), order=with_items)
    assert (state["Total"], state["Forbidden"]) == (100, 1)
    without = timed("amended", 11, Amount=Decimal(0), Items=[])
    state = after(without, timed("amended", 12, Amount=Decimal(80)), order=with_items)
    assert (state["Total"], state["AmendedItems"]) == (80, [])


def test_an_event_in_another_currency_is_forbidden() -> None:
    assert after(timed("captured", 11, Amount=Decimal(1), Currency="EUR"))["Captured"] == 1
    other = timed("captured", 11, Amount=Decimal(1), Currency="USD")
    assert effects(other) == [("captured", "forbidden", "is in USD, the order is in EUR")]


def test_a_sum_that_the_table_cannot_hold_exactly_is_forbidden() -> None:
    rows = [
        timed("captured", 11, Amount=Decimal("1E+100")),
        timed("captured", 12, Amount=Decimal("1E-100")),
    ]
    assert after(*rows)["Captured"] == Decimal("1E+100")
    assert after(*rows)["Forbidden"] == 1


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ([1, 2, 3], None),
        ([0, 1, 2], None),
        ([2], 1),
        ([1, 3], 2),
        ([1, 2, 5, 6], 3),
        ([10**37], 1),
        ([1, 1, 2], None),
    ],
)
def test_a_missing_number_makes_the_state_provisional(numbers: list[int], missing: int | None) -> None:
    rows = [
        timed("captured", 11 + place, str(place), Seq=number, Amount=Decimal(1))
        for place, number in enumerate(numbers)
    ]
    state = after(*rows)
    assert state.get("MissingSeq") == missing
    assert state.get("Pending") == ("event" if missing else None)


def test_a_gap_is_as_old_as_the_first_event_behind_it() -> None:
    rows = [timed("paid", 11, Seq=1), timed("shipped", 14, Seq=4), timed("packed", 13, Seq=3)]
    assert after(*rows)["PendingSince"] == at(13)


def test_the_state_names_each_event_that_it_has() -> None:
    rows = [timed("paid", 11), timed("packed", 12)]
    hashes = applied_hashes(after(*rows))
    assert len(hashes) == 2
    assert applied_hashes(after(rows[0])) < hashes
    assert applied_hashes({}) == set()
