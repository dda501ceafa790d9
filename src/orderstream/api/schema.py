"""The API's documentation: the JSON schemas of an order as sent and as stored, and of answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from orderstream.domain.declaration import computed_attributes
from orderstream.domain.decode import decode
from orderstream.domain.examples import example_order
from orderstream.domain.fields import utc_text
from orderstream.domain.fold import with_state
from orderstream.domain.item import OWN, SETTLED, attribute_names, attributes
from orderstream.domain.model import Schema, json_schema, without_examples
from orderstream.domain.order import Order
from orderstream.domain.schema_version import FIELD, version_schema
from orderstream.domain.user_model import order_model

_DIGITS = "All digits of it: do not read it as a float."
_JSON = msgspec.json.Encoder(decimal_format="number")
# What every stored order has, beside its fields: the attributes that the function adds.
_ADDED: dict[str, Schema] = {name: {"type": "string"} for name in OWN} | {
    "ReceivedAt": {"type": "string", "format": "date-time"},
    "SchemaVersion": {"type": "integer", "description": "Left out for version 1."},
}
# What follows from the events of an order. An order without events has these, too.
_STATE: dict[str, Schema] = {
    "Version": {"type": "integer", "description": "1, and one more for each event."},
    "UpdatedAt": {"type": "string", "format": "date-time"},
    **dict.fromkeys(("Total", "Captured", "Refunded", "Balance"), {"type": "number", "description": _DIGITS}),
}
_STATE_OF_SOME: dict[str, Schema] = {
    "Forbidden": {"type": "integer", "description": "How many events have no effect."},
    "MissingSeq": {"type": "integer", "description": "The first event that has not arrived."},
    "Pending": {"type": "string"},
    "PendingSince": {"type": "string", "format": "date-time"},
}


def order_schema(model: type[Order] | None = None) -> Schema:
    """The JSON schema of an order that is sent, with an example."""
    model = model or order_model()
    schema = without_examples(json_schema(model)) | {"additionalProperties": True}
    if model.SCHEMA > 1:
        schema["properties"] = {FIELD: version_schema(model)} | schema["properties"]
    found: Schema = schema | {"example": example_order({}, model=model)}
    return found


def stored_schema(model: type[Order] | None = None) -> Schema:
    """The JSON schema of an order that is stored, with an example."""
    model = model or order_model()
    schema, names = json_schema(model), attribute_names(model)
    fields = schema["properties"]
    always = [*SETTLED, *(name for name in fields if name in schema["required"] or "default" in fields[name])]
    computed = {one.name: one for one in computed_attributes(model)}
    always += [name for name, one in computed.items() if not one.is_optional]
    types = fields | {name: json_schema(one.hint) for name, one in computed.items()}
    amended = {"AmendedItems": _stored(fields["items"])}
    return {
        "type": "object",
        "required": [*dict.fromkeys(names[name] for name in always), "Status", *_STATE],
        "properties": {names[name]: _stored(one) for name, one in types.items()}
        | _ADDED
        | _STATE
        | amended
        | _STATE_OF_SOME,
        "example": _stored_example(model),
    }


def _stored_example(model: type[Order]) -> dict[str, Any]:
    read = decode(_JSON.encode(example_order({}, model=model)), model)
    assert read.order is not None
    moment = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
    currency = read.order.currency or "EUR"
    item = attributes(
        read.order, order_id="A-1001", order_date=moment, currency=currency, computed=read.computed
    )
    item |= {"ReceivedAt": utc_text(moment)}
    found: dict[str, Any] = msgspec.json.decode(_JSON.encode(with_state(item)))
    return found


def _stored(schema: dict[str, Any]) -> dict[str, Any]:
    """What is stored of a value that is sent: a decimal as a number, and no limits."""
    if "oneOf" in schema or schema.get("format") == "decimal":
        return {"type": "number", "description": _DIGITS}
    kept: dict[str, Any] = {name: schema[name] for name in ("type", "format", "required") if name in schema}
    if "type" not in schema:
        kept["enum"] = schema["enum"]
    if "items" in schema:
        kept["items"] = _stored(schema["items"])
    if "properties" in schema:
        kept["properties"] = {name: _stored(one) for name, one in schema["properties"].items()}
    return kept


ACCEPTED: dict[str, Any] = {
    "type": "object",
    "required": ["status", "order_id", "event_id", "location"],
    "properties": {
        "status": {"const": 202},
        "order_id": {"type": "string"},
        "event_id": {"type": "string", "description": "Where it lies in the stream."},
        "location": {"type": "string"},
    },
    "example": {
        "status": 202,
        "order_id": "A-1001",
        "event_id": "shardId-000000000000:49590338271490256608559692538361571095921575989136588898",
        "location": "/orders/A-1001",
    },
}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "code", "message"],
                "properties": {
                    "path": {"type": "string"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
    "example": {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "the order breaks 1 rule",
        "errors": [{"path": "$.amount", "code": "not_positive", "message": "must be more than 0"}],
    },
}


def body(schema: dict[str, Any]) -> dict[str, Any]:
    """A request body with this schema, for FastAPI's `openapi_extra`."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def answer(description: str, schema: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    """A response with this schema, for FastAPI's `responses`."""
    return {"description": description, "content": {media_type: {"schema": schema}}}


def problem(description: str) -> dict[str, Any]:
    """A problem response."""
    return answer(description, PROBLEM, "application/problem+json")


def refusals(what: str) -> dict[int | str, dict[str, Any]]:
    """The answers to an order or an event (`what`) that is not accepted."""
    return {
        403: problem("Order ids are kept apart by sender here, and the request has none"),
        413: problem("Too large"),
        415: problem("Not JSON by its content type"),
        422: problem(f"Not a valid {what}; every reason with its path"),
        503: problem("The stream does not take it now: send it again, after Retry-After"),
    }
