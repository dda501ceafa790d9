"""The order: its fields, its rules and its item in the table. The one file to edit for your own orders.

To add a field, give `Order` an attribute whose type is annotated with a rule, and add it to `attributes` if
it belongs in the table. Fields that are not defined here are not an error: they stay in the archive.
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

# The largest order accepted: the size limit of a DynamoDB item.
MAX_BYTES = 400 * 1024

# ASCII, because it is also part of object keys and URLs.
order_id_rule = ascii_text(128)

# Types with their rules. Defined here because inside a class, a field shadows a rule of the same name.
Name = Annotated[str, text(256)]
OrderId = Annotated[str, order_id_rule]
Amount = Annotated[Decimal, positive]
Price = Annotated[Decimal, not_negative]
Quantity = Annotated[int, positive_integer]
Currency = Annotated[str, currency]
Instant = Annotated[datetime, timestamp]


class Item(msgspec.Struct, frozen=True):
    """A line item; `quantity` × `unit_price` is its share of the order's amount."""

    sku: Name
    quantity: Quantity
    unit_price: Price


class Order(msgspec.Struct, frozen=True):
    """A valid order. A field that the producer left out is None; defaults are applied later."""

    customer_id: Name
    amount: Amount
    order_id: OrderId | None = None
    currency: Currency | None = None
    order_date: Instant | None = None
    items: tuple[Item, ...] | None = None


_READER = ModelReader(Order)


def read_fields(fields: dict[str, Any], check: ValidationErrors) -> Order | None:
    """The order in a decoded JSON object, or None if it is invalid; the reasons are then in `check`."""
    order = _READER.read(fields, "$", check)
    # An invalid field is None here.
    if order.items is not None and order.amount is not None:
        total = exact_sum_of_products((item.quantity, item.unit_price) for item in order.items)
        if total != order.amount:
            added, amount = (money(one, order.currency or "") for one in (total, order.amount))
            check.add("$.items", "items_do_not_add_up", f"add up to {added}, the amount is {amount}")
    return None if check.reasons else order


def attributes(order: Order, *, order_id: str, order_date: datetime, currency: str) -> dict[str, Any]:
    """The attributes of the order's table item: text, Decimal, int, and lists and dicts of those."""
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
