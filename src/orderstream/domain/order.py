"""The order: its fields, its rules, the item it becomes. The one file to edit for your own orders.

To add a field: give `Order` an attribute, read it in `read_fields`, and add it to `attributes` if it
belongs in the table. Fields that are not named here are no error: they stay in the archive.
"""

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from orderstream.domain.checks import Checks
from orderstream.domain.values import (
    ascii_label,
    currency,
    exact_sum_of_products,
    instant,
    label,
    not_negative,
    positive,
    positive_integer,
    utc_text,
)

# The largest order that is taken: what DynamoDB lets one item hold.
MAX_BYTES = 400 * 1024

_name = partial(label, longest=256)
# Also a part of object keys and URLs, so ASCII.
order_id_rule = partial(ascii_label, longest=128)


class Item(msgspec.Struct, frozen=True):
    """One line of an order; `quantity` × `unit_price` is its share of the order's amount."""

    sku: str
    quantity: int
    unit_price: Decimal


class Order(msgspec.Struct, frozen=True):
    """An order that passed every rule. What the shop left out is None; defaults come later."""

    customer_id: str
    amount: Decimal
    order_id: str | None = None
    currency: str | None = None
    order_date: datetime | None = None
    items: tuple[Item, ...] | None = None


def read_fields(fields: dict[str, Any], check: Checks) -> Order | None:
    """The order in a decoded JSON object, or None when `check` has noted what is wrong with it."""
    customer_id = check.required("$.customer_id", fields.get("customer_id"), _name)
    amount = check.required("$.amount", fields.get("amount"), positive)
    order_id = check.optional("$.order_id", fields.get("order_id"), order_id_rule)
    currency_code = check.optional("$.currency", fields.get("currency"), currency)
    order_date = check.optional("$.order_date", fields.get("order_date"), instant)
    items = check.optional_list("$.items", fields.get("items"), _read_item)
    if items is not None and amount is not None:
        total = exact_sum_of_products((item.quantity, item.unit_price) for item in items)
        check.that(
            "$.items",
            total == amount,
            "items_do_not_add_up",
            f"add up to {total:f}, the amount is {amount:f}",
        )
    if customer_id is None or amount is None or check.reasons:
        return None
    return Order(customer_id, amount, order_id, currency_code, order_date, items)


def _read_item(path: str, fields: dict[str, Any], check: Checks) -> Item | None:
    sku = check.required(f"{path}.sku", fields.get("sku"), _name)
    quantity = check.required(f"{path}.quantity", fields.get("quantity"), positive_integer)
    unit_price = check.required(f"{path}.unit_price", fields.get("unit_price"), not_negative)
    if sku is None or quantity is None or unit_price is None:
        return None
    return Item(sku, quantity, unit_price)


def attributes(order: Order, *, order_id: str, order_date: datetime, currency: str) -> dict[str, Any]:
    """The order as attributes of its table item: text, Decimal, int, lists and dicts of those."""
    item: dict[str, Any] = {
        "OrderID": order_id,
        "CustomerID": order.customer_id,
        "OrderAmount": order.amount,
        "OrderDate": utc_text(order_date),
        "Currency": currency,
        "Status": "RECEIVED",
    }
    if order.items is not None:
        item["Items"] = [
            {"sku": line.sku, "quantity": line.quantity, "unit_price": line.unit_price}
            for line in order.items
        ]
    return item
