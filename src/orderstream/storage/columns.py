"""The rows that SQL queries see: an archived record, with what its order or event says in typed columns."""

from __future__ import annotations

import base64
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
from msgspec import inspect

from orderstream.domain.decode import decode
from orderstream.domain.fields import utc_text
from orderstream.domain.model import fields_of, value_type
from orderstream.domain.order import Order
from orderstream.domain.order_event import FIELD, ReadEvent, event_type
from orderstream.domain.user_model import order_model
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes

# SQL's largest numbers are shorter than DynamoDB's. A value that would lose precision is null, and in `raw`.
SCALE = 10
_WHOLE_DIGITS = 38 - SCALE
_TOO_LARGE = 10**38

TYPES: dict[type[inspect.Type], str] = {
    inspect.StrType: "VARCHAR",
    inspect.DecimalType: f"DECIMAL(38,{SCALE})",
    inspect.IntType: "DECIMAL(38,0)",
    inspect.DateTimeType: "TIMESTAMPTZ",
    inspect.BoolType: "BOOLEAN",
}

_TEXT = inspect.StrType()
_ABOUT = dict.fromkeys(("event_id", "order_id", FIELD, "partition_key"), _TEXT) | {
    "arrived_at": inspect.DateTimeType(),
}
_BYTES = dict.fromkeys(("raw", "raw_base64"), _TEXT)
# The fields of an event are in one column, so that none can have the name of a field of the order.
EVENT_FIELDS = "event_fields"


def column_types(model: type[Order] | None = None) -> dict[str, str]:
    """The columns of an archived record with their DuckDB types: the record, its order, its bytes.

    `order_id` is null if the record is neither a valid order nor a valid event, and `event` unless it is an
    event. All fields of the order are null if it is not a valid order. `raw` is the text, decompressed if the
    record is compressed JSON. `raw_base64` has the bytes as sent if `raw` does not represent them fully.
    """
    return {name: type_name(kind) for name, kind in record_types(model).items()}


def stored_types(model: type[Order] | None = None) -> dict[str, str]:
    """The columns of a Parquet file of archived records: those of a record, and the fields of an event."""
    inside = ", ".join(f"{name} {type_name(kind)}" for name, kind in event_fields(model).items())
    return column_types(model) | {EVENT_FIELDS: f"STRUCT({inside})"}


def event_types(model: type[Order] | None = None) -> dict[str, inspect.Type]:
    """The columns of an event with the types of their values: the record, its event, its bytes."""
    about = {name: _ABOUT[name] for name in ("event_id", "order_id", FIELD)}
    return {**about, **event_fields(model), "arrived_at": _ABOUT["arrived_at"], **_BYTES}


def event_fields(model: type[Order] | None = None) -> dict[str, inspect.Type]:
    """The columns of what an event says, with the types of their values.

    `occurred_at` is the time of arrival if the event does not say it. `amount` is that of the event, and the
    sum of an amendment that has only items. `details` are all other fields, as JSON text.
    """
    of_event = fields_of(event_type(model or order_model()))
    fields = {field.name: kind for field, kind in of_event if field.name not in _ABOUT}
    first = {"producer_event_id": _TEXT, "seq": fields["seq"], "occurred_at": fields["occurred_at"]}
    return first | fields | {"details": _TEXT}


def record_types(model: type[Order] | None = None) -> dict[str, inspect.Type]:
    """The same columns with the types of their values."""
    fields = {
        field.name: kind for field, kind in fields_of(model or order_model()) if field.name not in _ABOUT
    }
    return {**_ABOUT, **fields, **_BYTES}


def to_row(line: ArchiveLine, currency: str, model: type[Order] | None = None) -> dict[str, Any]:
    """The values of those columns, as msgspec encodes them; `currency` is for orders without one."""
    data = original_bytes(line)
    model = model or order_model()
    what = decode(data, model)
    order: dict[str, Any] = dict.fromkeys(model.__struct_fields__) | {"order_id": line.order_id}
    if what.order is not None and line.order_id is not None:
        order |= _plain(what.order)
        order["order_id"] = line.order_id
        order["currency"] = order["currency"] or currency
        order["order_date"] = order["order_date"] or line.arrived_at
    return {
        "event_id": line.event_id,
        "partition_key": line.partition_key,
        "arrived_at": line.arrived_at,
        **order,
        "event": line.event,
        EVENT_FIELDS: _event(what.event, line) if what.event and line.event else None,
        **raw_columns(data, what.json),
    }


def _event(event: ReadEvent, line: ArchiveLine) -> dict[str, Any]:
    sent = event.sent
    return {
        "producer_event_id": sent.event_id,
        "seq": _plain(sent.seq),
        "occurred_at": _plain(sent.occurred_at) or line.arrived_at,
        "amount": _plain(event.amount),
        "currency": sent.currency,
        "items": _plain(sent.items),
        "details": event.details or None,
    }


def raw_columns(data: bytes, json: bytes | None) -> dict[str, str | None]:
    """`raw` and `raw_base64` of a record with the bytes `data` and, if any, the JSON text in them."""
    try:
        text = (json or data).decode()
    except UnicodeDecodeError:
        text = None
    is_all = text is not None and (json is None or json == data)
    return {"raw": text, "raw_base64": None if is_all else base64.b64encode(data).decode()}


def type_name(kind: inspect.Type) -> str:
    """A type of a field as DuckDB's."""
    if isinstance(kind, inspect.VarTupleType):
        return f"{type_name(value_type(kind.item_type))}[]"
    if isinstance(kind, inspect.StructType):
        inside = ", ".join(f"{field.name} {type_name(one)}" for field, one in fields_of(kind.cls))
        return f"STRUCT({inside})"
    return TYPES[type(kind)]


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return f"{value:f}" if fits(value) else None
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < _TOO_LARGE else None
    return _plain(value.value) if isinstance(value, Enum) else value


def fits(number: Decimal) -> bool:
    """Whether a column for amounts holds this number exactly."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -SCALE and number.adjusted() < _WHOLE_DIGITS
