"""What Athena is told of archived records: their columns, and the views in its SQL, from the order's fields.

template.yaml has what this makes; `python -m reference` writes it there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from msgspec import NODEFAULT, inspect

from orderstream.domain.fields import utc_text
from orderstream.domain.model import fields_of, value_type
from orderstream.domain.object_keys import PARTITIONS
from orderstream.domain.order import Order
from orderstream.domain.user_model import order_model
from orderstream.storage.columns import SCALE, record_types

# A type's names in the tables (Hive) and in the views (Trino). Hive's times have no zone; they are UTC.
_NAMES: dict[type[inspect.Type], tuple[str, str]] = {
    inspect.StrType: ("string", "varchar"),
    inspect.DecimalType: (f"decimal(38,{SCALE})", f"decimal(38,{SCALE})"),
    inspect.IntType: ("decimal(38,0)", "decimal(38,0)"),
    inspect.DateTimeType: ("timestamp", "timestamp(3)"),
    inspect.BoolType: ("boolean", "boolean"),
}

# A cast to DECIMAL rounds. So only what has at most so many decimals is cast: the digits behind the point,
# less the zeros at the end, less the exponent (which counts for nothing with a zero).
_DECIMAL = (
    "IF(coalesce(length(regexp_extract(<text>, '[.]([0-9]+)', 1)), 0)"
    " - length(replace(regexp_extract(<text>, '([.0]*)([eE].*)?$', 1), '.', ''))"
    " - coalesce(TRY_CAST(regexp_extract(<text>, '[1-9].*[eE][+]?(.+)$', 1) AS INTEGER), 0)"
    f" <= {SCALE}, TRY_CAST(<text> AS DECIMAL(38, {SCALE})))"
)
# RFC 3339 lets a blank stand for the T, and has more decimals than Athena reads.
_ISO = (
    "substr(<text>, 1, 10) || 'T' || substr(<text>, 12, 8)"
    " || coalesce(regexp_extract(<text>, '[.][0-9]{1,3}'), '')"
    " || upper(regexp_extract(<text>, '[zZ]$|[-+][0-9:]+$'))"
)
_RECORDS = r"""
WITH placed AS (
  -- The record's own JSON stands last in its line, verbatim. Nothing before it can be taken for its
  -- beginning: inside a string, the quotes would be escaped.
  SELECT *, strpos(line, ',"raw":') AS place FROM lines
), parts AS (
  SELECT
    *,
    IF(place > 0, substr(line, 1, place - 1) || '}', line) AS about,
    IF(place > 0, substr(line, place + 7, length(line) - place - 7)) AS document
  FROM placed
), archived AS (
  SELECT
    json_extract_scalar(about, '$.event_id') AS event_id,
    json_extract_scalar(about, '$.order_id') AS order_id,
    json_extract_scalar(about, '$.partition_key') AS partition_key,
    json_extract_scalar(about, '$.arrived_at') AS arrived_at,
    coalesce(document, json_extract_scalar(about, '$.raw_text')) AS raw,
    json_extract_scalar(about, '$.raw_base64') AS raw_base64,
    default_currency, <hours>
  FROM parts
), parsed AS (
  -- Cut into strings, numbers and what is between them, and each number put in quotes: what a JSON
  -- reader takes for a number becomes a double.
  SELECT
    *,
    IF(order_id IS NOT NULL, TRY(json_parse(array_join(
      transform(
        regexp_extract_all(raw, '"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9][-+.eE0-9]*|[^"0-9-]+'),
        token -> IF(regexp_like(token, '^[-0-9]'), '"' || token || '"', token)
      ),
      ''
    )))) AS sent
  FROM archived
), fields AS (
  SELECT
    *,
    <texts>
  FROM parsed
), typed AS (
  SELECT
    event_id,
    order_id,
    partition_key,
    CAST(from_iso8601_timestamp(arrived_at) AT TIME ZONE 'UTC' AS TIMESTAMP(3)) AS arrived_at,
    <values>,
    raw,
    raw_base64,
    <hours>
  FROM fields
), found AS (
  SELECT *, 2 AS choice FROM typed
  UNION ALL
  SELECT
    <columns>, 1 AS choice
  FROM compacted
), numbered AS (
  -- By hour too, though an event has only one: so that a condition on it reads only those hours.
  SELECT
    *,
    row_number() OVER (PARTITION BY <hours>, event_id ORDER BY choice) AS nth
  FROM found
)
SELECT
  <columns>
FROM numbered
WHERE nth = 1
""".strip()
_ORDERS = """
WITH numbered AS (
  SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY arrived_at, event_id) AS nth
  FROM records
  WHERE
    order_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM quarantine WHERE quarantine.event_id = records.event_id)
)
SELECT
  <columns>
FROM numbered
WHERE nth = 1
""".strip()


def hive_columns(model: type[Order] | None = None) -> dict[str, str]:
    """The columns of an archived record as a table of Glue declares them."""
    return {name: _hive(kind) for name, kind in record_types(model).items()}


def trino_columns(model: type[Order] | None = None) -> dict[str, str]:
    """The columns of the views, with the parts of the hour, as Athena's SQL declares them."""
    columns = {name: _trino(kind) for name, kind in record_types(model).items()}
    return columns | dict.fromkeys(PARTITIONS, "varchar")


def _hive(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.VarTupleType):
        return f"array<{_hive(value_type(kind.item_type))}>"
    if isinstance(kind, inspect.StructType):
        return f"struct<{','.join(f'{field.name}:{_hive(one)}' for field, one in fields_of(kind.cls))}>"
    return _NAMES[type(kind)][0]


def _trino(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.VarTupleType):
        return f"array({_trino(value_type(kind.item_type))})"
    if isinstance(kind, inspect.StructType):
        return f"row({', '.join(f'{field.name} {_trino(one)}' for field, one in fields_of(kind.cls))})"
    return _NAMES[type(kind)][1]


def records_sql(model: type[Order] | None = None) -> str:
    """The view of every archived record, each once."""
    # The id is not read from the order: a record without one is called by its event.
    fields = [(field, kind) for field, kind in fields_of(model or order_model()) if field.name != "order_id"]
    texts = [f"{_text_of_field(field, kind)} AS {field.name}" for field, kind in fields]
    sql = _RECORDS.replace("<texts>", ",\n    ".join(texts))
    sql = sql.replace("<values>", ",\n    ".join(_value_of_field(field, kind) for field, kind in fields))
    return sql.replace("<columns>", ", ".join(trino_columns(model))).replace("<hours>", ", ".join(PARTITIONS))


def orders_sql(model: type[Order] | None = None) -> str:
    """The view of every order, each once."""
    return _ORDERS.replace("<columns>", ", ".join(trino_columns(model)))


def _text_of_field(field: inspect.Field, kind: inspect.Type) -> str:
    """The text of a field of the order: null if the record is not an order."""
    found = _text("sent", f"$.{field.name}", kind)
    if field.name == "currency":
        return f"coalesce({found}, default_currency)"
    default = _default(field)
    return f"IF(sent IS NOT NULL, coalesce({found}, {default}))" if default else found


def _value_of_field(field: inspect.Field, kind: inspect.Type) -> str:
    """The column of a field of the order, of its text."""
    value = _value(field.name, kind)
    if field.name == "currency":
        value = "IF(sent IS NOT NULL, currency)"
    elif field.name == "order_date":
        value = f"IF(sent IS NOT NULL, {_moment(f'coalesce({_iso(field.name)}, arrived_at)')})"
    return value if value == field.name else f"{value} AS {field.name}"


def _text(source: str, path: str, kind: inspect.Type, item: str = "item") -> str:
    """The text of what is at a path of a JSON value: each value inside a list or a model as text."""
    if isinstance(kind, inspect.VarTupleType):
        inside = _text(item, "$", value_type(kind.item_type), f"{item}_")
        return f"transform(CAST(json_extract({source}, '{path}') AS ARRAY(JSON)), {item} -> {inside})"
    if not isinstance(kind, inspect.StructType):
        return f"json_extract_scalar({source}, '{path}')"
    texts = []
    for field, one in fields_of(kind.cls):
        text, default = _text(source, f"{path}.{field.name}", one, item), _default(field)
        texts.append(f"coalesce({text}, {default})" if default else text)
    row = f"CAST(ROW({', '.join(texts)}) AS {_row(kind, _text_type)})"
    # In a list there is always a model; elsewhere it may be null or left out.
    is_object = f"substr(json_format(json_extract({source}, '{path}')), 1, 1) = '{{'"
    return row if path == "$" else f"IF({is_object}, {row})"


def _value(text: str, kind: inspect.Type, item: str = "item", *, is_item: bool = False) -> str:
    """The value of a text, or of texts inside lists and models; an item of a list is never null."""
    if isinstance(kind, inspect.VarTupleType):
        inside = _value(item, value_type(kind.item_type), f"{item}_", is_item=True)
        return text if inside == item else f"transform({text}, {item} -> {inside})"
    if isinstance(kind, inspect.StructType):
        values = [_value(f"{text}.{field.name}", one, item) for field, one in fields_of(kind.cls)]
        row = f"CAST(ROW({', '.join(values)}) AS {_row(kind, _value_type)})"
        return row if is_item else f"IF({text} IS NOT NULL, {row})"
    if isinstance(kind, inspect.DecimalType):
        return _DECIMAL.replace("<text>", text)
    if isinstance(kind, inspect.DateTimeType):
        return _moment(_iso(text))
    if isinstance(kind, inspect.IntType | inspect.BoolType):
        return f"TRY_CAST({text} AS {_value_type(kind)})"
    return text


def _iso(text: str) -> str:
    return _ISO.replace("<text>", text)


def _moment(text: str) -> str:
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
    return _trino(kind).upper().replace(",", ", ")


def _default(field: inspect.Field) -> str:
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
