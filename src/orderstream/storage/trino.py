"""Expressions in Trino's SQL, Athena's, for the fields of orders and events in their JSON."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from msgspec import NODEFAULT, inspect

from orderstream.domain.fields import utc_text
from orderstream.domain.model import fields_of, value_type
from orderstream.storage.columns import SCALE

DECIMAL = f"DECIMAL(38, {SCALE})"
_TYPES: dict[type[inspect.Type], str] = {
    inspect.StrType: "varchar",
    inspect.DecimalType: f"decimal(38,{SCALE})",
    inspect.IntType: "decimal(38,0)",
    inspect.DateTimeType: "timestamp(3)",
    inspect.BoolType: "boolean",
}

# The JSON in `raw`, cut into strings, numbers and what is between them, and each number put in quotes: what a
# JSON reader takes for a number becomes a double.
DOCUMENT = r"""TRY(json_parse(array_join(
      transform(
        regexp_extract_all(raw, '"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9][-+.eE0-9]*|[^"0-9-]+'),
        token -> IF(regexp_like(token, '^[-0-9]'), '"' || token || '"', token)
      ),
      ''
    )))"""
# A cast to DECIMAL rounds. So only what has at most so many decimals is cast: the digits behind the point,
# less the zeros at the end, less the exponent (which counts for nothing with a zero).
_DECIMAL = (
    "IF(coalesce(length(regexp_extract(<text>, '[.]([0-9]+)', 1)), 0)"
    " - length(replace(regexp_extract(<text>, '([.0]*)([eE].*)?$', 1), '.', ''))"
    " - coalesce(TRY_CAST(regexp_extract(<text>, '[1-9].*[eE][+]?(.+)$', 1) AS INTEGER), 0)"
    f" <= {SCALE}, TRY_CAST(<text> AS {DECIMAL}))"
)
# RFC 3339 lets a blank stand for the T, and has more decimals than Athena reads.
_ISO = (
    "substr(<text>, 1, 10) || 'T' || substr(<text>, 12, 8)"
    " || coalesce(regexp_extract(<text>, '[.][0-9]{1,3}'), '')"
    " || upper(regexp_extract(<text>, '[zZ]$|[-+][0-9:]+$'))"
)


def type_of(kind: inspect.Type) -> str:
    """The type of a field."""
    if isinstance(kind, inspect.VarTupleType):
        return f"array({type_of(value_type(kind.item_type))})"
    if isinstance(kind, inspect.StructType):
        return f"row({', '.join(f'{field.name} {type_of(one)}' for field, one in fields_of(kind.cls))})"
    return _TYPES[type(kind)]


def text_of(source: str, path: str, kind: inspect.Type, item: str = "item") -> str:
    """The text of what is at a path of a JSON value: each value inside a list or a model as text."""
    if isinstance(kind, inspect.VarTupleType):
        inside = text_of(item, "$", value_type(kind.item_type), f"{item}_")
        return f"transform(CAST(json_extract({source}, '{path}') AS ARRAY(JSON)), {item} -> {inside})"
    if not isinstance(kind, inspect.StructType):
        return f"json_extract_scalar({source}, '{path}')"
    texts = []
    for field, one in fields_of(kind.cls):
        text, default = text_of(source, f"{path}.{field.name}", one, item), default_of(field)
        texts.append(f"coalesce({text}, {default})" if default else text)
    row = f"CAST(ROW({', '.join(texts)}) AS {_row(kind, _text_type)})"
    # In a list there is always a model; elsewhere it may be null or left out.
    is_object = f"substr(json_format(json_extract({source}, '{path}')), 1, 1) = '{{'"
    return row if path == "$" else f"IF({is_object}, {row})"


def value_of(text: str, kind: inspect.Type, item: str = "item", *, is_item: bool = False) -> str:
    """The value of a text, or of texts inside lists and models; an item of a list is never null."""
    if isinstance(kind, inspect.VarTupleType):
        inside = value_of(item, value_type(kind.item_type), f"{item}_", is_item=True)
        return text if inside == item else f"transform({text}, {item} -> {inside})"
    if isinstance(kind, inspect.StructType):
        values = [value_of(f"{text}.{field.name}", one, item) for field, one in fields_of(kind.cls)]
        row = f"CAST(ROW({', '.join(values)}) AS {_row(kind, _value_type)})"
        return row if is_item else f"IF({text} IS NOT NULL, {row})"
    if isinstance(kind, inspect.DecimalType):
        return _DECIMAL.replace("<text>", text)
    if isinstance(kind, inspect.DateTimeType):
        return moment(iso(text))
    if isinstance(kind, inspect.IntType | inspect.BoolType):
        return f"TRY_CAST({text} AS {_value_type(kind)})"
    return text


def iso(text: str) -> str:
    """A text in RFC 3339 as one that Trino reads."""
    return _ISO.replace("<text>", text)


def moment(text: str) -> str:
    """The time in such a text."""
    return f"CAST(from_iso8601_timestamp({text}) AT TIME ZONE 'UTC' AS TIMESTAMP(3))"


def _row(kind: inspect.StructType, type_of: Callable[[inspect.Type], str]) -> str:
    return f"ROW({', '.join(f'{field.name} {type_of(one)}' for field, one in fields_of(kind.cls))})"


def _text_type(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.VarTupleType):
        return f"ARRAY({_text_type(value_type(kind.item_type))})"
    return _row(kind, _text_type) if isinstance(kind, inspect.StructType) else "VARCHAR"


def _value_type(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.VarTupleType):
        return f"ARRAY({_value_type(value_type(kind.item_type))})"
    if isinstance(kind, inspect.StructType):
        return _row(kind, _value_type)
    return type_of(kind).upper().replace(",", ", ")


def default_of(field: inspect.Field) -> str:
    """The text of a field's default as SQL; empty if it has none. Raises TypeError for one that SQL lacks."""
    value: Any = field.default.value if isinstance(field.default, Enum) else field.default
    if value is None or value is NODEFAULT:
        return ""
    if value == ():
        return "ARRAY[]"
    if isinstance(value, bool):
        return f"'{str(value).lower()}'"
    if not isinstance(value, str | int | Decimal | datetime):
        raise TypeError(f"{field.name}: {value!r} is a default that SQL cannot express")
    text = utc_text(value) if isinstance(value, datetime) else str(value)
    return "'" + text.replace("'", "''") + "'"
