"""Normalize a document to the values that the model reads, and identify the version of the model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

_SCALARS = frozenset((bool, datetime, Decimal, int, str))


def as_read(
    read: msgspec.Struct, sent: dict[str, Any], unknown: frozenset[str] = frozenset(), path: str = ""
) -> dict[str, Any]:
    """The document as sent, with each field as the model read it unless its path is in `unknown`."""
    said = dict(sent)
    for name in read.__struct_fields__:
        if path + name in unknown:
            continue
        # A field that was left out stays so: its default was not sent.
        if (raw := sent.get(name)) is not None:
            said[name] = _value_as_read(getattr(read, name), raw, unknown, f"{path}{name}.")
        elif path:
            said[name] = None
    return said


def _value_as_read(value: Any, sent: Any, unknown: frozenset[str], path: str) -> Any:
    if type(value) in _SCALARS:
        return value
    if isinstance(value, tuple):
        return [_value_as_read(one, raw, unknown, path) for one, raw in zip(value, sent, strict=True)]
    return sent if isinstance(value, Enum) else as_read(value, sent, unknown, path)


def model_version(model: type[msgspec.Struct]) -> str:
    """A hash (8 hex digits) of the fields of a model and their types, which decide what it reads."""
    return hashlib.blake2b("\n".join(_fields(model, "")).encode(), digest_size=4).hexdigest()


def _fields(model: type[msgspec.Struct], path: str) -> Iterator[str]:
    for name, hint in get_type_hints(model).items():
        options = [option for option in get_args(hint) or (hint,) if option is not type(None)]
        while get_origin(options[0]) is tuple:
            options = list(get_args(options[0]))
        if isinstance(options[0], type) and issubclass(options[0], msgspec.Struct):
            yield from _fields(options[0], f"{path}{name}.")
        else:
            yield f"{path}{name}: {getattr(options[0], '__name__', options[0])}"
