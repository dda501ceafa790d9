"""What becomes of the shop's orders."""

from decimal import Decimal
from typing import Any

from orderstream.testing import Pipeline

ORDER: dict[str, Any] = {
    "order_id": "A-1",
    "customer_id": "ann",
    "email": "ann@example.com",
    "amount": "15.00",
    "items": [{"sku": "tea", "quantity": 2, "unit_price": "10.00"}],
    "voucher": "WELCOME",
    "discount": "5.00",
    "ship_to": {"street": "Long Street 7", "postal_code": "10115", "city": "Berlin", "country": "DE"},
}


def test_an_order_is_stored_with_its_address_and_the_country_of_its_tax() -> None:
    pipeline = Pipeline()
    pipeline.put(ORDER)
    pipeline.deliver()
    item = pipeline.orders["A-1"]
    assert item["OrderAmount"] == Decimal(15)
    assert item["ShipTo"]["city"] == "Berlin"
    assert (item["Country"], item["Channel"]) == ("DE", "web")


def test_a_discount_counts_and_needs_a_voucher() -> None:
    pipeline = Pipeline()
    wrong = pipeline.put(ORDER | {"order_id": "A-2", "amount": "20.00"})
    without = pipeline.put(ORDER | {"order_id": "A-3", "voucher": None})
    pipeline.deliver()
    assert pipeline.quarantined == {wrong: ["wrong_amount"], without: ["missing"]}


def test_an_address_needs_a_country_of_two_letters() -> None:
    pipeline = Pipeline()
    event_id = pipeline.put(ORDER | {"ship_to": {**ORDER["ship_to"], "country": "Germany"}})
    pipeline.deliver()
    assert pipeline.quarantined == {event_id: ["too_long"]}
