"""Checks of a model of orders: what would fail at its first record is found when the model is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple, get_args, get_origin

import msgspec

from orderstream.domain.declaration import (
    Model,
    computed_attributes,
    declarations,
    declared_fields,
    plain_type,
)
from orderstream.domain.examples import example_order
from orderstream.domain.fold import STATE
from orderstream.domain.item import OWN, SETTLED, attribute_of, indexes, key_type
from orderstream.domain.lifecycle import transition_faults
from orderstream.domain.model import json_schema
from orderstream.domain.object_keys import PARTITIONS
from orderstream.domain.order import Order
from orderstream.domain.order_event import FIELD as EVENT_FIELD
from orderstream.domain.schema_version import FIELD
from orderstream.domain.validation import ModelReader
from orderstream.errors import InputError

# The columns of a record in SQL beside the fields of its order, and the field that says its version.
RESERVED_FIELDS = frozenset(
    (
        "event_id",
        "partition_key",
        "arrived_at",
        "raw",
        "raw_base64",
        "event_fields",
        "places",
        *PARTITIONS,
        FIELD,
        EVENT_FIELD,
    )
)
_RESERVED_ATTRIBUTES = frozenset((*OWN, *STATE))
# What an index of DynamoDB can have as its key.
_KEYS = (str, int, Decimal)
# An alarm has at most ten metrics: throttled writes to both tables, and to each index.
MOST_INDEXES = 6
_COMPUTED = (str, int, bool, Decimal, datetime)


class ModelFault(NamedTuple):
    """What is wrong with a model, and the field, computed attribute or method that it is about, or ""."""

    name: str
    message: str


def faults_of(model: type[Any]) -> Iterator[ModelFault]:
    """What is wrong with a class of orders."""
    if not (isinstance(model, type) and issubclass(model, Order)):
        yield ModelFault("", "is no class that extends orderstream.Order")
        return
    found = [*_type_faults(model)]
    found = found or [
        *_name_faults(model),
        *_index_faults(model),
        *_version_faults(model),
        *_lifecycle_faults(model),
    ]
    yield from found
    if not found:
        try:
            example_order({}, model=model)
        except InputError as error:
            yield ModelFault("", f"{error.message} ({error.hint})")


def _type_faults(model: type[Order]) -> Iterator[ModelFault]:
    for one in declared_fields(model):
        try:
            json_schema(one.hint)
        except TypeError as error:
            yield ModelFault(one.name, str(error).partition(", type")[0])
            return
    try:
        ModelReader(model)
    except TypeError as error:
        name, _, message = str(error).partition(": ")
        yield ModelFault(name, message)
        return
    for field in msgspec.structs.fields(model):
        if field.default_factory is not msgspec.NODEFAULT or not _is_plain(field.default):
            yield ModelFault(field.name, "its default must be None, (), or a single value")
    for name in SETTLED:
        (one,) = (one for one in declared_fields(model) if one.name == name)
        (base,) = (one for one in declared_fields(Order) if one.name == name)
        if plain_type(one.hint) is not plain_type(base.hint) or (base.is_optional and not one.is_optional):
            yield ModelFault(
                name, f"must stay of type {plain_type(base.hint).__name__}, as in orderstream.Order"
            )
    try:
        computed = list(computed_attributes(model))
    except (TypeError, NameError) as error:
        name, _, message = str(error).partition(": ")
        yield ModelFault(name, message)
        return
    for one in computed:
        if not _is_computable(one.hint):
            yield ModelFault(one.name, f"cannot be of type {one.hint}")


def _name_faults(model: type[Order]) -> Iterator[ModelFault]:
    for one in declared_fields(model):
        if one.name in RESERVED_FIELDS:
            yield ModelFault(one.name, "is a name that Orderstream uses itself")
        elif one.name in SETTLED and "attribute" in one.marks:
            yield ModelFault(one.name, "keeps its attribute: Orderstream reads it")
    declared = declarations(model)
    taken = Counter(attribute_of(one) for one in declared)
    for one in declared:
        attribute = attribute_of(one)
        if attribute in _RESERVED_ATTRIBUTES:
            yield ModelFault(one.name, f"its attribute {attribute} is one of Orderstream's own")
        elif taken[attribute] > 1:
            yield ModelFault(one.name, f"its attribute {attribute} is that of another field too")
        elif not attribute.isidentifier():
            yield ModelFault(one.name, f"its attribute {attribute!r} must be made of letters, digits and _")


def _index_faults(model: type[Order]) -> Iterator[ModelFault]:
    by = list(indexes(model).values())
    for one in by:
        if not isinstance(plain_type(one.hint), type) or key_type(one) not in _KEYS:
            yield ModelFault(one.name, "cannot be indexed: a key is text or a number")
        elif one.name in ("order_id", "customer_id"):
            yield ModelFault(one.name, "has an index already")
    if len(by) > MOST_INDEXES:
        yield ModelFault(
            by[-1].name, f"a table has at most {MOST_INDEXES} indexes beside the one by customer"
        )


def _version_faults(model: type[Order]) -> Iterator[ModelFault]:
    if type(model.SCHEMA) is not int or model.SCHEMA < 1:
        yield ModelFault("SCHEMA", "must be a whole number from 1 on")
        return
    for version in range(1, model.SCHEMA):
        if not callable(getattr(model, f"upcast_{version}", None)):
            yield ModelFault("SCHEMA", f"is {model.SCHEMA}, so a static method upcast_{version} is needed")
    for one in declared_fields(model):
        since = one.marks.get("required_from", 1)
        if since > 1 and not one.is_optional:
            yield ModelFault(one.name, "is required from a later version on, so it must be `| None = None`")
        elif since > model.SCHEMA:
            yield ModelFault(one.name, f"is required from version {since} on, but SCHEMA is {model.SCHEMA}")


def _lifecycle_faults(model: type[Order]) -> Iterator[ModelFault]:
    for message in transition_faults(model.TRANSITIONS):
        yield ModelFault("TRANSITIONS", message)


def _is_plain(default: Any) -> bool:
    """Whether SQL can express a default."""
    if default is None or default is msgspec.NODEFAULT or default == ():
        return True
    return isinstance(default, str | int | Decimal | datetime | Enum)


def _is_computable(hint: Any) -> bool:
    plain = plain_type(hint)
    if get_origin(plain) is tuple:
        return _is_computable(get_args(plain)[0])
    return isinstance(plain, type) and (plain in _COMPUTED or issubclass(plain, Enum | Model))
