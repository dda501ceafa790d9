"""Read valid models in one pass, and tell whether that changed a value.

Most records are valid. What is not raises here, and `ModelReader` reads it again to find every reason.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from orderstream.domain.declaration import declared_fields, plain_type
from orderstream.domain.validation import default_of, rule_for

M = TypeVar("M", bound=msgspec.Struct)

# Reads a value that has others inside: the value, and whether all in it is as it was sent.
_Read = Callable[[Any], tuple[Any, bool]]

_JSON = msgspec.json.Encoder()
_REQUIRED = object()


class NotValid(Exception):
    """Something is missing, or of another kind. It is no reason: `ModelReader` finds those."""


def valid_reader(model: type[M]) -> Callable[[Any], tuple[M, bool]]:
    """What reads a valid model from a decoded JSON object.

    It returns the model, with the default of each field that is absent or null, and whether the fingerprint
    of the object would stay the same with each field as the model read it. It raises NotValid, or what the
    rules of the model raise, if anything is invalid.
    """
    fields: list[tuple[str, Any, Callable[[Any], Any] | None, _Read | None]] = []
    for field, declared in zip(msgspec.structs.fields(model), declared_fields(model), strict=True):
        is_required, default = default_of(field, declared)
        inside = _inside(declared.hint)
        rule = None if inside else rule_for(declared.hint)
        fields.append((field.name, _REQUIRED if is_required else default, rule, inside))
    # A model that extends another may have fields that only their names can be given for.
    positional = len(model.__match_args__)
    by_name = model.__struct_fields__[positional:]

    def read(value: Any) -> tuple[M, bool]:
        if not isinstance(value, dict):
            raise NotValid("not an object")
        values: list[Any] = []
        is_as_sent = True
        for name, default, rule, inside in fields:
            sent = value.get(name)
            if sent is None:
                if default is _REQUIRED:
                    raise NotValid("missing")
                values.append(default)
            elif rule is not None:
                found = rule(sent)
                values.append(found)
                # Rules return most values themselves.
                if found is not sent and is_as_sent:
                    is_as_sent = _is_field_as_sent(found, sent)
            elif inside is not None:
                found, is_same = inside(sent)
                values.append(found)
                is_as_sent = is_as_sent and is_same
        if not by_name:
            return model(*values), is_as_sent
        named = dict(zip(by_name, values[positional:], strict=True))
        return model(*values[:positional], **named), is_as_sent

    return read


def _inside(hint: Any) -> _Read | None:
    """What reads a list or another model; None for other types."""
    plain = plain_type(hint)
    if get_origin(plain) is tuple:
        element = get_args(plain)[0]
        return _list_of(_inside(element) or _by_rule(rule_for(element)))
    is_model = isinstance(plain, type) and issubclass(plain, msgspec.Struct)
    return valid_reader(plain) if is_model else None


def _list_of(element: _Read) -> _Read:
    def read(value: Any) -> tuple[tuple[Any, ...], bool]:
        if not isinstance(value, list):
            raise NotValid("not an array")
        found = [element(one) for one in value]
        return tuple([one for one, _ in found]), all([is_same for _, is_same in found])

    return read


def _by_rule(rule: Callable[[Any], Any]) -> _Read:
    def read(value: Any) -> tuple[Any, bool]:
        found = rule(value)
        return found, found is value or _is_as_sent(found, value)

    return read


def _is_field_as_sent(value: Any, sent: Any) -> bool:
    kind = type(value)
    if kind is Decimal or kind is int:
        return type(sent) is not str
    if kind is str or value is None:
        return bool(value == sent)
    return _is_as_sent(value, sent)


def _is_as_sent(value: Any, sent: Any) -> bool:
    if isinstance(value, datetime):
        return bool(sent == _JSON.encode(value)[1:-1].decode())
    return type(sent) is not str or isinstance(value, Enum) or bool(value == sent)
