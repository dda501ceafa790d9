"""The order: its fields and its rules. The one file to edit for your own orders.

To add a field, give `Order` an attribute of one of the types below, of an enum, of another model such as
`Item`, or a tuple of those; `| None = None` makes it optional. Validation, the table's item, the API's
schemas, the SQL columns, the samples and the documentation follow from it: `python -m reference` writes those
that are files. Fields that are not defined here are not an error: they stay in the archive.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from orderstream.domain.fields import (
    CURRENCIES,
    ascii_text,
    currency,
    exact_schema,
    exact_sum_of_products,
    money,
    not_negative,
    positive,
    positive_integer,
    rule_of,
    ruled,
    text,
    timestamp,
)
from orderstream.domain.validation import ValidationErrors

# The largest order accepted: the size limit of a DynamoDB item.
MAX_BYTES = 400 * 1024

# Types with their rules. Defined here because inside a class, a field shadows a rule of the same name.
Name = Annotated[str, text(256)]
CustomerId = Annotated[Name, Meta(description="Whose order it is.", examples=["12345"])]
_ID = "It makes a retry safe. Without it the Idempotency-Key is the id, else a new one."
# ASCII, because it is also part of object keys and URLs.
OrderId = Annotated[str, ascii_text(128), Meta(description=_ID, examples=["A-1001"])]
_EXACT = "A JSON number, or a plain decimal string; its digits are kept exactly."
_POSITIVE, _NOT_NEGATIVE = exact_schema(exclusiveMinimum=0), exact_schema(minimum=0)
Amount = Annotated[Decimal, ruled(positive, description=_EXACT, extra_json_schema=_POSITIVE)]
Price = Annotated[Decimal, ruled(not_negative, description=_EXACT, extra_json_schema=_NOT_NEGATIVE)]
Quantity = Annotated[int, ruled(positive_integer, ge=1)]
_CODES = {"enum": sorted(CURRENCIES)}
Currency = Annotated[
    str, ruled(currency, description="ISO 4217.", examples=["EUR"], extra_json_schema=_CODES)
]
Instant = Annotated[datetime, ruled(timestamp, tz=True, description="RFC 3339, with its zone.")]

order_id_rule: Callable[[object], str] = rule_of(OrderId)


class Item(msgspec.Struct, frozen=True):
    """A line item; `quantity` × `unit_price` is its share of the order's amount."""

    sku: Annotated[Name, Meta(description="The product.", examples=["tea"])]
    quantity: Annotated[Quantity, Meta(description="How many of it.", examples=[2])]
    unit_price: Annotated[Price, Meta(examples=["9.95"])]


Items = Annotated[tuple[Item, ...], Meta(description="Where there are any, they add up to the amount.")]


class Order(msgspec.Struct, frozen=True):
    """A valid order. A field that the producer left out is as declared here, often None."""

    customer_id: CustomerId
    amount: Annotated[Amount, Meta(examples=["19.90"])]
    order_id: OrderId | None = None
    currency: Currency | None = None
    # Without it the time of arrival counts. Examples are always of now, so they have none.
    order_date: Annotated[Instant, Meta(examples=[])] | None = None
    items: Items | None = None

    def check(self, errors: ValidationErrors) -> None:
        """Find what breaks the rules over several fields. A field that is invalid is None here."""
        if self.items is not None and self.amount is not None:
            total = exact_sum_of_products((item.quantity, item.unit_price) for item in self.items)
            if total != self.amount:
                added, amount = (money(one, self.currency or "") for one in (total, self.amount))
                errors.add("$.items", "items_do_not_add_up", f"add up to {added}, the amount is {amount}")
