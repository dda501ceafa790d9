"""Normalize a document to the values that the model reads, and identify the version of the model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

_JSON = msgspec.json.Encoder()


def normalized(order: msgspec.Struct, document: dict[str, Any]) -> dict[str, Any]:
    """The document with each field as the model read it; the same object if that changes nothing."""
    return document if _is_plain(order, document) else as_read(order, document)


def _is_plain(read: msgspec.Struct, sent: dict[str, Any]) -> bool:
    """Whether normalizing would not change the fingerprint."""
    for name in read.__struct_fields__:
        value, raw = getattr(read, name), sent.get(name)
        kind = type(value)
        if kind is str or value is None:
            if value != raw:
                return False
        elif kind is tuple:
            if not all(map(_is_plain, value, raw)):  # type: ignore[arg-type]
                return False
        elif type(raw) is str and (kind is not datetime or raw != _JSON.encode(value)[1:-1].decode()):
            return False
    return True


def as_read(
    read: msgspec.Struct, sent: dict[str, Any], unknown: frozenset[str] = frozenset(), path: str = ""
) -> dict[str, Any]:
    """The document as sent, with each field as the model read it unless its path is in `unknown`."""
    said = dict(sent)
    for name in read.__struct_fields__:
        value = getattr(read, name)
        if path + name in unknown:
            continue
        if value is not None:
            said[name] = _value_as_read(value, sent[name], unknown, f"{path}{name}.")
        elif path:
            said[name] = None
    return said


def _value_as_read(value: Any, sent: Any, unknown: frozenset[str], path: str) -> Any:
    if isinstance(value, msgspec.Struct):
        return as_read(value, sent, unknown, path)
    if isinstance(value, tuple):
        return [_value_as_read(one, raw, unknown, path) for one, raw in zip(value, sent, strict=True)]
    return value


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
