"""Order ids and digests that an earlier version stored."""

from __future__ import annotations

# With the fingerprints that earlier versions gave them, when discount and rebate were unknown fields.
STORED_EARLIER = {
    '{"order_id": "A", "customer_id": "c", "amount": "19.90", "discount": 5.00}': (
        "3637b5ad8a2433445ef4844eed1cf4ec"
    ),
    '{"customer_id": "c", "amount": 6, "discount": "5.00",'
    ' "items": [{"sku": "A", "quantity": 2, "unit_price": "3.0", "rebate": "0.10"}]}': (
        "7f9e6d9a12ce11fab0eb0287214e4355"
    ),
}
