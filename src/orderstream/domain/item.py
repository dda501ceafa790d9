"""The item of an order in the table: its attributes, and what they are called."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from orderstream.domain.declaration import (
    Declared,
    computed_attributes,
    declarations,
    declared_fields,
    plain_type,
)
from orderstream.domain.fields import InvalidValue, exact_number, utc_text
from orderstream.domain.lifecycle import first_status
from orderstream.domain.order import Order
from orderstream.domain.validation import ValidationErrors

# Of these, the item has the value that is stored: the id of a record without one, the default currency.
SETTLED = ("order_id", "customer_id", "amount", "order_date", "currency")
# What the item has beside the fields of the order, and beside what its events change.
OWN = (
    "Status",
    "EventID",
    "ReceivedAt",
    "ArchiveKey",
    "Fingerprint",
    "NormalizedFingerprint",
    "SchemaVersion",
)


def attribute_of(declared: Declared) -> str:
    """The attribute of a field or of a computed value: GiftNote for gift_note, MerchantID for merchant_id."""
    if declared.name == "amount":
        return "OrderAmount"
    words = declared.name.split("_")
    usual = "".join("ID" if word == "id" else word.capitalize() for word in words)
    return str(declared.marks.get("attribute", usual))


@cache
def attribute_names(model: type[Order]) -> dict[str, str]:
    """The attribute of each field and each computed attribute, by its name in the model."""
    return {one.name: attribute_of(one) for one in declarations(model)}


@cache
def indexes(model: type[Order]) -> dict[str, Declared]:
    """The fields and computed attributes by which orders can be listed, each by the name of its index."""
    return {f"By{attribute_of(one)}": one for one in declarations(model) if "indexed" in one.marks}


def key_type(one: Declared) -> type:
    """What an index holds for a field: str, int or Decimal, for an enum the type of its values."""
    plain: type = plain_type(one.hint)
    return type(next(iter(plain)).value) if issubclass(plain, Enum) else plain


def attributes(
    order: Order, *, order_id: str, order_date: datetime, currency: str, computed: dict[str, Any]
) -> dict[str, Any]:
    """The attributes of the order's table item: text, Decimal, int, bool, and lists and dicts of those.

    `computed` are the values of its computed attributes, by attribute (see `computed_values`).
    """
    item: dict[str, Any] = {
        "OrderID": order_id,
        "CustomerID": order.customer_id,
        "OrderAmount": order.amount,
        "OrderDate": utc_text(order_date),
        "Currency": currency,
        "Status": first_status(type(order).TRANSITIONS),
    }
    for field, name, convert in _others(type(order)):
        value = getattr(order, field)
        if value is not None:
            item[name] = convert(value) if convert else value
    return item | computed if computed else item


def computed_values(order: Order, errors: ValidationErrors) -> dict[str, Any]:
    """The computed attributes of an order as its item has them; `errors` has those of the wrong type."""
    found: dict[str, Any] = {}
    for one, name, convert in _computed(type(order)):
        value = getattr(order, one.name)
        if value is not None:
            try:
                value = _checked(value, one.hint)
                found[name] = convert(value) if convert else value
            except InvalidValue as refused:
                errors.add(f"$.{one.name}", refused.code, refused.message)
    return found


def _checked(value: Any, hint: Any) -> Any:
    """A computed value, which is of its type. Raises InvalidValue."""
    plain = plain_type(hint)
    if plain is Decimal:
        return exact_number(value)
    if plain is datetime and isinstance(value, datetime) and value.tzinfo is None:
        raise InvalidValue("no_time_zone", "must be an aware time, as from datetime.now(UTC)")
    if get_origin(plain) is tuple:
        return tuple(_checked(one, get_args(plain)[0]) for one in value)
    if not isinstance(value, plain) or (plain is int and isinstance(value, bool)):
        raise InvalidValue("wrong_type", f"must be of type {plain.__name__}, not {type(value).__name__}")
    if plain is int:
        exact_number(value)
    return value


@cache
def _computed(model: type[Order]) -> list[tuple[Declared, str, _Convert | None]]:
    return [(one, attribute_of(one), _converter(plain_type(one.hint))) for one in computed_attributes(model)]


_Convert = Callable[[Any], Any]


@cache
def items_converter(model: type[Order]) -> Callable[[Any], list[Any]]:
    """How the items of the model's orders are converted to what the table has."""
    return _converter(get_type_hints(model)["items"]) or list


@cache
def _others(model: type[Order]) -> list[tuple[str, str, _Convert | None]]:
    """The fields that the item has as they were sent, each with its attribute and how it is converted."""
    hints = get_type_hints(model)
    return [
        (one.name, attribute_of(one), _converter(hints[one.name]))
        for one in declared_fields(model)
        if one.name not in SETTLED
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
