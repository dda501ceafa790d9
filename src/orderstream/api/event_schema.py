"""The JSON schemas of an order's events, as they are sent, and of its history."""

from __future__ import annotations

from typing import Any

from orderstream.domain.fold import Effect
from orderstream.domain.lifecycle import MAY_HAVE_AMOUNT, NEEDS_AMOUNT, event_names
from orderstream.domain.model import Schema, json_schema, without_examples
from orderstream.domain.order import Order
from orderstream.domain.order_event import FIELD, event_type
from orderstream.domain.user_model import order_model
from orderstream.lookup.order_history import WAITING

_TEXT: Schema = {"type": "string"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_EFFECT: Schema = {"enum": [*(one.value for one in Effect), WAITING]}


def event_schema(model: type[Order] | None = None) -> Schema:
    """The JSON schema of an event that is sent, with an example; its order_id is in the path."""
    model = model or order_model()
    schema = without_examples(json_schema(event_type(model)))
    names = event_names(model.TRANSITIONS)
    schema["properties"][FIELD] |= {"enum": sorted(names)}
    # A transition that needs no amount, where there is one.
    name = min(names, key=lambda one: (one in NEEDS_AMOUNT, one in MAY_HAVE_AMOUNT, one))
    example = {FIELD: name, "event_id": "evt-77"} | ({"amount": "19.90"} if name in NEEDS_AMOUNT else {})
    found: Schema = schema | {"required": [FIELD], "additionalProperties": True, "example": example}
    return found


def _or_null(schema: Schema) -> Schema:
    return schema | {"type": [schema["type"], "null"]}


_MONEY: Schema = {"type": ["number", "null"], "description": "All digits of it: do not read it as a float."}
_STREAM: Schema = {"type": "string", "description": "Where it lies in the stream."}
_ACCEPTED: dict[str, Schema] = {"order_id": _TEXT, "event_id": _STREAM, "location": _TEXT}
_EXAMPLE: dict[str, Any] = {
    "order_id": "A-1001",
    "event_id": "shardId-000000000000:49590338271490256608559692538361571095921575989136588898",
    "location": "/orders/A-1001/history",
}
ACCEPTED: Schema = {
    "type": "object",
    "required": ["status", *_ACCEPTED],
    "properties": {"status": {"const": 202}, **_ACCEPTED},
    "example": {"status": 202, **_EXAMPLE},
}
EFFECT: Schema = {
    "type": "object",
    "required": ["status", *_ACCEPTED, "effect", "reason"],
    "properties": {
        "status": {"const": 201},
        **_ACCEPTED,
        "effect": _EFFECT,
        "reason": {"type": "string", "description": "Why it has no effect; empty if it has."},
    },
    "example": {"status": 201, **_EXAMPLE, "effect": "applied", "reason": ""},
}

_EVENT: dict[str, Schema] = {
    "event": _TEXT,
    "occurred_at": _TIME,
    "received_at": _TIME,
    "effect": _EFFECT,
    "reason": _TEXT,
    "event_id": _STREAM,
    "producer_event_id": _or_null(_TEXT),
    "seq": {"type": ["integer", "null"]},
    "amount": _MONEY,
    "currency": _or_null(_TEXT),
    "items": {"type": ["array", "null"]},
    "details": _or_null({"type": "string", "description": "Its other fields, as JSON text."}),
    "status": _or_null({"type": "string", "description": "Of the order after it; null while it waits."}),
    **dict.fromkeys(("total", "captured", "refunded"), _MONEY),
}
_HISTORY: dict[str, Schema] = {
    "order_id": _TEXT,
    "received_at": _or_null({**_TIME, "description": "null until the order arrives."}),
    "amount": _MONEY,
    "currency": _or_null(_TEXT),
    "state": {"type": ["object", "null"], "description": "The attributes that follow from the events."},
    "events": {
        "type": "array",
        "items": {"type": "object", "required": [*_EVENT], "properties": _EVENT},
    },
}
HISTORY: Schema = {"type": "object", "required": [*_HISTORY], "properties": _HISTORY}
