"""What Athena is told of archived records: their columns, and the views in its SQL, from the order's fields.

template.yaml has what this makes; `python -m reference` writes it there.
"""

from __future__ import annotations

from msgspec import inspect

from orderstream.domain.model import fields_of, value_type
from orderstream.domain.object_keys import PARTITIONS
from orderstream.domain.order import Order
from orderstream.domain.user_model import order_model
from orderstream.storage.columns import SCALE, record_types
from orderstream.storage.trino import DOCUMENT, default_of, iso, moment, text_of, type_of, value_of

# The types in tables, which are Hive's. Its times have no zone; they are UTC.
_HIVE: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.DecimalType: f"decimal(38,{SCALE})",
    inspect.IntType: "decimal(38,0)",
    inspect.DateTimeType: "timestamp",
    inspect.BoolType: "boolean",
}

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
    json_extract_scalar(about, '$.event') AS event,
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
    IF(order_id IS NOT NULL AND event IS NULL, <sent>) AS sent
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
    event,
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
    AND event IS NULL
    AND NOT EXISTS (SELECT 1 FROM quarantine WHERE quarantine.event_id = records.event_id)
)
SELECT
  <columns>
FROM numbered
WHERE nth = 1
""".strip()


def hive_columns(model: type[Order] | None = None) -> dict[str, str]:
    """The columns of an archived record as a table of Glue declares them."""
    return {name: hive_type(kind) for name, kind in record_types(model).items()}


def trino_columns(model: type[Order] | None = None) -> dict[str, str]:
    """The columns of the views, with the parts of the hour, as Athena's SQL declares them."""
    columns = {name: type_of(kind) for name, kind in record_types(model).items()}
    return columns | dict.fromkeys(PARTITIONS, "varchar")


def hive_type(kind: inspect.Type) -> str:
    """The type of a field in a table."""
    if isinstance(kind, inspect.VarTupleType):
        return f"array<{hive_type(value_type(kind.item_type))}>"
    if isinstance(kind, inspect.StructType):
        return f"struct<{','.join(f'{field.name}:{hive_type(one)}' for field, one in fields_of(kind.cls))}>"
    return _HIVE[type(kind)]


def records_sql(model: type[Order] | None = None) -> str:
    """The view of every archived record, each once."""
    # The id is not read from the order: a record without one is called by its position in the stream.
    fields = [(field, kind) for field, kind in fields_of(model or order_model()) if field.name != "order_id"]
    texts = [f"{_text_of_field(field, kind)} AS {field.name}" for field, kind in fields]
    sql = _RECORDS.replace("<texts>", ",\n    ".join(texts))
    sql = sql.replace("<values>", ",\n    ".join(_value_of_field(field, kind) for field, kind in fields))
    sql = sql.replace("<columns>", ", ".join(trino_columns(model))).replace("<sent>", DOCUMENT)
    return sql.replace("<hours>", ", ".join(PARTITIONS))


def orders_sql(model: type[Order] | None = None) -> str:
    """The view of every order, each once."""
    return _ORDERS.replace("<columns>", ", ".join(trino_columns(model)))


def _text_of_field(field: inspect.Field, kind: inspect.Type) -> str:
    """The text of a field of the order: null if the record is not an order."""
    found = text_of("sent", f"$.{field.name}", kind)
    if field.name == "currency":
        return f"coalesce({found}, default_currency)"
    default = default_of(field)
    return f"IF(sent IS NOT NULL, coalesce({found}, {default}))" if default else found


def _value_of_field(field: inspect.Field, kind: inspect.Type) -> str:
    """The column of a field of the order, of its text."""
    value = value_of(field.name, kind)
    if field.name == "currency":
        value = "IF(sent IS NOT NULL, currency)"
    elif field.name == "order_date":
        value = f"IF(sent IS NOT NULL, {moment(f'coalesce({iso(field.name)}, arrived_at)')})"
    return value if value == field.name else f"{value} AS {field.name}"
