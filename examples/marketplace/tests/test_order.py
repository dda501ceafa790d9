"""What becomes of the marketplace's orders."""

from decimal import Decimal
from typing import Any

from orderstream.testing import Pipeline

ORDER: dict[str, Any] = {
    "order_id": "A-1",
    "customer_id": "ann",
    "merchant_id": "M-1",
    "amount": "19.90",
    "items": [{"sku": "tea", "listing_id": "L-7", "quantity": 2, "unit_price": "9.95"}],
}


def test_the_payout_is_the_amount_less_the_commission_to_the_cent() -> None:
    pipeline = Pipeline()
    pipeline.put(ORDER)
    pipeline.put(ORDER | {"order_id": "A-2", "commission": "0.125", "note": "gift"})
    pipeline.deliver()
    assert pipeline.orders["A-1"]["Payout"] == Decimal("17.91")
    assert pipeline.orders["A-2"]["Payout"] == Decimal("17.41")
    assert pipeline.orders["A-2"]["MerchantNote"] == "gift"


def test_an_order_names_its_merchant_and_each_item_its_listing() -> None:
    pipeline = Pipeline()
    nobody = pipeline.put(ORDER | {"merchant_id": None})
    unlisted = pipeline.put(ORDER | {"items": [{"sku": "tea", "quantity": 2, "unit_price": "9.95"}]})
    too_much = pipeline.put(ORDER | {"commission": 2})
    pipeline.deliver()
    assert pipeline.quarantined == {nobody: ["missing"], unlisted: ["missing"], too_much: ["too_large"]}
