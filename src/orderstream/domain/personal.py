"""Leave out of an item what is of a person: the customer, and fields that the model marks as personal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_origin

import msgspec

from orderstream.domain.declaration import Declared, declarations, declared_fields, plain_type
from orderstream.domain.item import attribute_of
from orderstream.domain.order import Order


def without_personal(item: Mapping[str, Any], model: type[Order]) -> dict[str, Any]:
    """The attributes of an item without those that are of a person, at any depth."""
    fields = {attribute_of(one): one for one in declarations(model)}
    # New items of an amendment are of the type of the items.
    fields["AmendedItems"] = fields["Items"]
    del fields["CustomerID"]
    known = item.keys() - {"CustomerID"}
    return {
        name: _value(value, fields[name]) if name in fields else value
        for name, value in item.items()
        if name in known and not (name in fields and _is_personal(fields[name]))
    }


def items_without_personal(items: list[Any], model: type[Order]) -> list[Any]:
    """The items of an order or of an event without the members that are of a person."""
    (declared,) = (one for one in declared_fields(model) if one.name == "items")
    found: list[Any] = _value(items, declared)
    return [] if _is_personal(declared) else found


def _is_personal(one: Declared) -> bool:
    return "personal" in one.marks


def _value(value: Any, one: Declared) -> Any:
    plain = plain_type(one.hint)
    if get_origin(plain) is tuple:
        element = plain_type(get_args(plain)[0])
        return [_members(inner, element) for inner in value]
    return _members(value, plain)


def _members(value: Any, kind: Any) -> Any:
    """A value of a nested model without its personal members; any other as it is."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return value
    fields = declared_fields(kind)
    return {
        one.name: _value(value[one.name], one)
        for one in fields
        if one.name in value and not _is_personal(one)
    }
