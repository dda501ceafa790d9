"""What a model of orders is declared with, beside rules: marks, nested models, computed attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    NamedTuple,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

# How the JSON schema says from which version of the model on a field is required.
REQUIRED_FROM = "x-required-from-schema"

# Of a person, as the JSON schema and the reference of the model say.
personal = msgspec.Meta(extra={"personal": True}, extra_json_schema={"x-personal": True})
# Orders can be listed by its value: the table has an index for it.
indexed = msgspec.Meta(extra={"indexed": True}, extra_json_schema={"x-indexed": True})


def stored_as(attribute: str) -> msgspec.Meta:
    """The mark of a field whose attribute in the table is not called after it."""
    return msgspec.Meta(extra={"attribute": attribute}, extra_json_schema={"x-attribute": attribute})


def example(*values: Any) -> msgspec.Meta:
    """The mark of a field with values that it can have, for samples and documentation."""
    return msgspec.Meta(examples=list(values))


def required_from(version: int) -> msgspec.Meta:
    """The mark of an optional field that records of this version of the model, and later ones, must have."""
    return msgspec.Meta(extra={"required_from": version}, extra_json_schema={REQUIRED_FROM: version})


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Model(msgspec.Struct, frozen=True):
    """A model inside an order, such as an address."""


class computed(property):
    """Declare a method of the order as an attribute that is computed from its fields when it is stored.

    Its return annotation is its type: str, int, bool, Decimal, datetime (aware), an enum, a model, or a tuple
    of those; None stores nothing. It must depend on the order alone, so that a redelivery gives the same.
    """


class Declared(NamedTuple):
    """A field or a computed attribute as declared: its type without None, and the marks on it."""

    name: str
    hint: Any
    is_optional: bool
    marks: Mapping[str, Any]


def plain_type(hint: Any) -> Any:
    """A type without what it is annotated with."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


@lru_cache
def declarations(model: type[msgspec.Struct]) -> tuple[Declared, ...]:
    """The fields and, after them, the computed attributes of a model."""
    return (*declared_fields(model), *computed_attributes(model))


# The change feed asks for each order, and type hints are evaluated anew each time.
@lru_cache
def declared_fields(model: type[msgspec.Struct]) -> tuple[Declared, ...]:
    """The fields of a model, in the order of its values."""
    hints = get_type_hints(model, include_extras=True)
    return tuple(_declared(name, hints[name]) for name in model.__struct_fields__)


def computed_attributes(model: type[msgspec.Struct]) -> Iterator[Declared]:
    """The computed attributes of a model, those of the models that it extends first.

    Raises TypeError for one that does not say its type.
    """
    names = [name for one in reversed(model.__mro__) for name in vars(one)]
    for name in dict.fromkeys(names):
        found = getattr(model, name)
        if isinstance(found, computed):
            hints = get_type_hints(found.fget, include_extras=True)
            if "return" not in hints:
                raise TypeError(f"{name}: says no type, as in `def {name}(self) -> str`")
            yield _declared(name, hints["return"])


def _declared(name: str, hint: Any) -> Declared:
    plain, is_optional, notes = _without_none(hint)
    marks: dict[str, Any] = {}
    for note in notes:
        marks |= (note.extra if isinstance(note, msgspec.Meta) else None) or {}
    return Declared(name, plain, is_optional, marks)


def _without_none(hint: Any) -> tuple[Any, bool, tuple[Any, ...]]:
    """A type without None, whether it could be None, and its annotations, inside and outside of None."""
    if get_origin(hint) is Annotated:
        inner, *notes = get_args(hint)
        plain, is_optional, inside = _without_none(inner)
        return (Annotated[plain, *notes], is_optional, (*inside, *notes))
    if get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint):
        options = [option for option in get_args(hint) if option is not NoneType]
        if len(options) == 1:
            return _without_none(options[0])[0], True, _without_none(options[0])[2]
    return hint, False, ()
