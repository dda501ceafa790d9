"""The store finds duplicates and matches records with orders, each order once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
import pytest

from orderstream.migration.conversion import LegacyOrder, OrderFacts
from orderstream.migration.store import ROWS_A_PAGE, LegacyStore

NOON = datetime.fromisoformat("2024-05-01T12:00:00+00:00")


@pytest.fixture
def store() -> Iterator[LegacyStore]:
    with LegacyStore() as opened:
        yield opened


def order(order_id: str, seconds: float = 0, amount: str = "5", customer: str = "c") -> LegacyOrder:
    return LegacyOrder(order_id, "item", b"{}", customer, facts(seconds, amount, customer))


def facts(seconds: float = 0, amount: str = "5", customer: str = "c") -> OrderFacts:
    return OrderFacts(customer, amount, f"{NOON + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%fZ}")


def pairs(store: LegacyStore) -> list[tuple[str, str]]:
    return [(one.order_id, one.other) for one in store.duplicates(10)[1]]


def test_orders_of_a_customer_with_one_amount_within_a_minute_are_pairs_of_neighbours(
    store: LegacyStore,
) -> None:
    for name, seconds in (("a", 0), ("b", 60), ("c", 61), ("d", 121.01), ("e", 500)):
        store.add(order(name, seconds))
    store.add(order("f", 0, amount="5.01"))
    store.add(order("g", 0, customer="other"))
    store.add(msgspec.structs.replace(order("h"), facts=OrderFacts("c", "5", "")))
    assert pairs(store) == [("a", "b"), ("b", "c")]
    assert store.duplicates(1) == (2, store.duplicates(10)[1][:1])


def test_a_record_takes_the_order_that_was_made_of_it_and_no_other_record_takes_that(
    store: LegacyStore,
) -> None:
    store.add(order("a", 5))
    store.add(order("b", 3600))
    undated = OrderFacts("c", "5", "")
    # As the function stamped it, a moment after the record arrived.
    assert store.take_match(undated, NOON)
    assert store.take_match(facts(3600), NOON), "of the same date, or stored later"
    assert not store.take_match(undated, NOON)


def test_an_order_that_is_older_than_a_record_was_not_made_of_it(store: LegacyStore) -> None:
    store.add(order("a", -61))
    assert not store.take_match(OrderFacts("c", "5", ""), NOON)
    assert store.take_match(facts(-61), NOON), "unless the record says that date"


def test_every_order_is_in_one_page(store: LegacyStore) -> None:
    ids = [f"{number:05}" for number in range(2 * ROWS_A_PAGE + 1)]
    for name in ids:
        store.add(order(name))
        store.add(order(name, amount="6"))
    listed = []
    for page in store.pages("absent"):
        for one in page:
            # As a move does, which changes what the next page is chosen by.
            store.settle(one.order_id, "moved")
            listed.append(one.order_id)
    assert listed == ids and store.states() == {"moved": len(ids)}


def test_an_item_is_read_back_exactly(store: LegacyStore) -> None:
    store.add_item("a", {"OrderID": "a", "OrderAmount": "1.10"})
    assert store.item("a") == {"OrderID": "a", "OrderAmount": "1.10"}
    assert store.item("b") is None
    assert [name for name, _ in store.items_without_object()] == ["a"]
    store.add(order("a"))
    assert list(store.items_without_object()) == []
