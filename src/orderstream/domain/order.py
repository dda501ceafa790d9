"""The order: the fields and rules that every order has. A project's own order extends it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, dataclass_transform

import msgspec
from msgspec import Meta

from orderstream.domain.currencies import CURRENCIES, money
from orderstream.domain.declaration import Model
from orderstream.domain.fields import (
    ascii_text,
    currency,
    exact_schema,
    exact_sum_of_products,
    not_negative,
    positive,
    positive_integer,
    rule,
    rule_of,
    text,
    timestamp,
)
from orderstream.domain.lifecycle import TRANSITIONS, Transitions
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
Amount = Annotated[Decimal, rule(positive, description=_EXACT, extra_json_schema=_POSITIVE)]
Price = Annotated[Decimal, rule(not_negative, description=_EXACT, extra_json_schema=_NOT_NEGATIVE)]
Quantity = Annotated[int, rule(positive_integer, ge=1)]
_CODES = {"enum": sorted(CURRENCIES)}
Currency = Annotated[str, rule(currency, description="ISO 4217.", examples=["EUR"], extra_json_schema=_CODES)]
Instant = Annotated[datetime, rule(timestamp, tz=True, description="RFC 3339, with its zone.")]

order_id_rule: Callable[[object], str] = rule_of(OrderId)


class Item(Model):
    """A line item; `quantity` × `unit_price` is its share of the order's amount."""

    sku: Annotated[Name, Meta(description="The product.", examples=["tea"])]
    quantity: Annotated[Quantity, Meta(description="How many of it.", examples=[2])]
    unit_price: Annotated[Price, Meta(examples=["9.95"])]


Items = Annotated[tuple[Item, ...], Meta(description="Where there are any, they add up to the amount.")]


class OrderType(msgspec.StructMeta):
    """The type of orders. A class that extends one may have required fields, after the optional ones."""

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any
    ) -> OrderType:
        if any(isinstance(base, OrderType) for base in bases):
            config.setdefault("kw_only", True)
        return super().__new__(mcls, name, bases, namespace, **config)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class Order(msgspec.Struct, metaclass=OrderType, frozen=True):
    """A valid order. A field that the producer left out is as declared here, often None.

    A class that extends it adds fields, of the types above, of an enum, of a `Model`, or a tuple of those;
    `| None = None` makes one optional. Validation, the table's item, the schemas of the HTTP API, the columns
    of SQL, the samples and the documentation follow from the fields. What is sent beside them is not an
    error: it stays in the archive.

    `SCHEMA` is the version of the model. A record says its own as `schema`; without it, it is of version 1.
    For each version before the last there is a static method `upcast_N`, which takes a document (a dict) of
    version N and returns it as version N+1 has it.

    `TRANSITIONS` is the lifecycle: each status, and the events that may follow in it. A new order has the
    first status.
    """

    SCHEMA: ClassVar[int] = 1
    TRANSITIONS: ClassVar[Transitions] = TRANSITIONS

    customer_id: CustomerId
    amount: Annotated[Amount, Meta(examples=["19.90"])]
    order_id: OrderId | None = None
    currency: Currency | None = None
    # Without it the time of arrival counts. Examples are always of now, so they have none.
    order_date: Annotated[Instant, Meta(examples=[])] | None = None
    items: Items | None = None

    def check(self, errors: ValidationErrors) -> None:
        """Find what breaks the rules over several fields. A field that is invalid is None here.

        A class that extends it calls `super().check(errors)` to keep these rules.
        """
        if self.items is not None and self.amount is not None:
            total = exact_sum_of_products((item.quantity, item.unit_price) for item in self.items)
            if total != self.amount:
                added, amount = (money(one, self.currency or "") for one in (total, self.amount))
                errors.add("$.items", "items_do_not_add_up", f"add up to {added}, the amount is {amount}")
