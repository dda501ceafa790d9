"""The order: its fields, its rules, the item it becomes. The one file to edit for your own orders.

To add a field: give `Order` an attribute of a type that has its rule with it, and add it to `attributes`
if it belongs in the table. Fields that are not named here are no error: they stay in the archive.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from orderstream.domain.fields import (
    ascii_text,
    currency,
    exact_sum_of_products,
    money,
    not_negative,
    positive,
    positive_integer,
    text,
    timestamp,
    utc_text,
)
from orderstream.domain.validation import ModelReader, ValidationErrors

# The largest order that is taken: what DynamoDB lets one item hold.
MAX_BYTES = 400 * 1024

# Also a part of object keys and URLs, so ASCII.
order_id_rule = ascii_text(128)

# Types with their rules. Named here, for inside a class a field hides what is named like it.
Name = Annotated[str, text(256)]
OrderId = Annotated[str, order_id_rule]
Amount = Annotated[Decimal, positive]
Price = Annotated[Decimal, not_negative]
Quantity = Annotated[int, positive_integer]
Currency = Annotated[str, currency]
Instant = Annotated[datetime, timestamp]


class Item(msgspec.Struct, frozen=True):
    """One line of an order; `quantity` × `unit_price` is its share of the order's amount."""

    sku: Name
    quantity: Quantity
    unit_price: Price


class Order(msgspec.Struct, frozen=True):
    """An order that passed every rule. What the shop left out is None; defaults come later."""

    customer_id: Name
    amount: Amount
    order_id: OrderId | None = None
    currency: Currency | None = None
    order_date: Instant | None = None
    items: tuple[Item, ...] | None = None


_READER = ModelReader(Order)


def read_fields(fields: dict[str, Any], check: ValidationErrors) -> Order | None:
    """The order in a decoded JSON object, or None when `check` has noted what is wrong with it."""
    order = _READER.read(fields, "$", check)
    # A field that is wrong is None here.
    if order.items is not None and order.amount is not None:
        total = exact_sum_of_products((item.quantity, item.unit_price) for item in order.items)
        if total != order.amount:
            added, amount = (money(one, order.currency or "") for one in (total, order.amount))
            check.add("$.items", "items_do_not_add_up", f"add up to {added}, the amount is {amount}")
    return None if check.reasons else order


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
