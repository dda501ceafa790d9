"""The item of an order in the table: its attributes, and what they are called."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from orderstream.domain.fields import utc_text
from orderstream.domain.order import Order

# Of these, the item has the value that is stored: the id of a record without one, the default currency.
SETTLED = ("order_id", "customer_id", "amount", "order_date", "currency")


def attribute_name(field: str) -> str:
    """The name of a field's attribute: GiftNote for gift_note, CustomerID for customer_id."""
    if field == "amount":
        return "OrderAmount"
    return "".join("ID" if word == "id" else word.capitalize() for word in field.split("_"))


def attributes(order: Order, *, order_id: str, order_date: datetime, currency: str) -> dict[str, Any]:
    """The attributes of the order's table item: text, Decimal, int, bool, and lists and dicts of those."""
    item: dict[str, Any] = {
        "OrderID": order_id,
        "CustomerID": order.customer_id,
        "OrderAmount": order.amount,
        "OrderDate": utc_text(order_date),
        "Currency": currency,
        "Status": "RECEIVED",
    }
    for field, name, convert in _others(type(order)):
        value = getattr(order, field)
        if value is not None:
            item[name] = convert(value) if convert else value
    return item


_Convert = Callable[[Any], Any]


@cache
def _others(model: type[Order]) -> list[tuple[str, str, _Convert | None]]:
    """The fields that the item has as they were sent, each with its attribute and how it is converted."""
    hints = get_type_hints(model)
    return [
        (field, attribute_name(field), _converter(hints[field]))
        for field in model.__struct_fields__
        if field not in SETTLED
    ]


def _converter(hint: Any) -> _Convert | None:
    """How a value of this type is converted; None if the item has it as it is."""
    options = [option for option in get_args(hint) if option is not type(None)]
    if type(None) in get_args(hint):
        return _converter(options[0])
    if get_origin(hint) is tuple:
        inside = _converter(options[0])
        return (lambda values: list(map(inside, values))) if inside else list
    if issubclass(hint, msgspec.Struct):
        return _of_struct(hint)
    if issubclass(hint, Enum):
        return attrgetter("value")
    return utc_text if hint is datetime else None


def _of_struct(model: type[msgspec.Struct]) -> _Convert:
    hints = get_type_hints(model)
    fields = [(name, _converter(hints[name])) for name in model.__struct_fields__]
    if not any(convert or type(None) in get_args(hints[name]) for name, convert in fields):
        return msgspec.structs.asdict

    def convert(value: Any) -> dict[str, Any]:
        found = ((name, getattr(value, name), inside) for name, inside in fields)
        return {name: inside(one) if inside else one for name, one, inside in found if one is not None}

    return convert
