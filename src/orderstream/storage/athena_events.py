"""Athena's view of events: its columns, and its SQL over the views of records and quarantine.

template.yaml has what this makes; `python -m reference` writes it there.
"""

from __future__ import annotations

from orderstream.domain.object_keys import PARTITIONS
from orderstream.domain.order import Order
from orderstream.domain.order_event import OrderEvent
from orderstream.storage.athena import hive_type
from orderstream.storage.columns import event_fields, event_types
from orderstream.storage.trino import DECIMAL, DOCUMENT, iso, moment, text_of, type_of, value_of

_EVENTS = """
WITH parsed AS (
  -- As in records: each number in quotes.
  SELECT
    *,
    <sent> AS document
  FROM records
  WHERE
    event IS NOT NULL
    AND NOT EXISTS (
      -- It is in the same hour, so that a condition on the hour holds for both.
      SELECT 1
      FROM quarantine
      WHERE
        quarantine.event_id = records.event_id
        AND <same_hour>
    )
), texts AS (
  SELECT
    event_id, order_id, event, arrived_at, raw, raw_base64, document, <hours>,
    <texts>,
    CAST(document AS MAP(VARCHAR, JSON)) AS fields,
    filter(map_keys(CAST(document AS MAP(VARCHAR, JSON))), name -> name NOT IN (<names>)) AS others
  FROM parsed
), typed AS (
  SELECT
    event_id,
    order_id,
    event,
    <values>,
    IF(
      cardinality(others) > 0,
      json_format(CAST(MAP(others, transform(others, name -> fields[name])) AS JSON))
    ) AS details,
    arrived_at,
    raw,
    raw_base64,
    <hours>
  FROM texts
)
SELECT
  event_id,
  order_id,
  event,
  producer_event_id,
  seq,
  occurred_at,
  -- That of an amendment that has only items is their sum.
  coalesce(
    amount,
    TRY(reduce(
      items,
      CAST(0 AS <decimal>),
      (total, item) -> CAST(total + item.quantity * item.unit_price AS <decimal>),
      total -> total
    ))
  ) AS amount,
  currency,
  items,
  details,
  arrived_at,
  raw,
  raw_base64,
  <hours>
FROM typed
""".strip()


def hive_event_columns(model: type[Order] | None = None) -> dict[str, str]:
    """The columns of the view, with the parts of the hour, as Glue declares them."""
    return {name: hive_type(kind) for name, kind in event_types(model).items()} | dict.fromkeys(
        PARTITIONS, "string"
    )


def trino_event_columns(model: type[Order] | None = None) -> dict[str, str]:
    """The same as Athena's SQL declares them."""
    return {name: type_of(kind) for name, kind in event_types(model).items()} | dict.fromkeys(
        PARTITIONS, "varchar"
    )


def events_sql(model: type[Order] | None = None) -> str:
    """The view of every event, each once."""
    fields = {name: kind for name, kind in event_fields(model).items() if name != "details"}
    paths = {name: f"$.{'event_id' if name == 'producer_event_id' else name}" for name in fields}
    texts = [f"{text_of('document', paths[name], kind)} AS {name}" for name, kind in fields.items()]
    values = [f"{value_of(name, kind)} AS {name}" for name, kind in fields.items() if name != "occurred_at"]
    occurred_at = f"coalesce({moment(iso('occurred_at'))}, arrived_at)"
    values.append(f"IF(document IS NOT NULL, {occurred_at}) AS occurred_at")
    names = ", ".join(f"'{name}'" for name in OrderEvent.__struct_fields__)
    same_hour = " AND ".join(f"quarantine.{name} = records.{name}" for name in PARTITIONS)
    sql = _EVENTS.replace("<texts>", ",\n    ".join(texts)).replace("<values>", ",\n    ".join(values))
    sql = sql.replace("<same_hour>", same_hour)
    sql = sql.replace("<names>", names).replace("<sent>", DOCUMENT).replace("<hours>", ", ".join(PARTITIONS))
    return sql.replace("<decimal>", DECIMAL)
