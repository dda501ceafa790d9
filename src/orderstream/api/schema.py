"""The API's documentation: the JSON schemas of an order as sent and as stored, and of answers."""

from __future__ import annotations

from typing import Any

from orderstream.domain.item import SETTLED, attribute_name
from orderstream.domain.model import example_of, json_schema, without_examples
from orderstream.domain.order import Order

_DIGITS = "All digits of it: do not read it as a float."
# What every stored order has, beside its fields: the attributes that the function adds.
_ADDED = {
    "Status": {"type": "string"},
    "EventID": {"type": "string"},
    "ReceivedAt": {"type": "string", "format": "date-time"},
    "ArchiveKey": {"type": "string"},
    "Fingerprint": {"type": "string"},
    "NormalizedFingerprint": {"type": "string"},
}


def order_schema(model: type[Order] = Order) -> dict[str, Any]:
    """The JSON schema of an order that is sent, with an example."""
    schema = json_schema(model)
    more = {"additionalProperties": True, "example": example_of(schema)}
    found: dict[str, Any] = without_examples(schema) | more
    return found


def stored_schema(model: type[Order] = Order) -> dict[str, Any]:
    """The JSON schema of an order that is stored, with an example."""
    schema = json_schema(model)
    fields = schema["properties"]
    always = [*SETTLED, *(name for name in fields if name in schema["required"] or "default" in fields[name])]
    return {
        "type": "object",
        "required": [*dict.fromkeys(map(attribute_name, always)), "Status"],
        "properties": {attribute_name(name): _stored(one) for name, one in fields.items()} | _ADDED,
        "example": {
            "OrderID": "A-1001",
            "CustomerID": "12345",
            "OrderAmount": 19.90,
            "OrderDate": "2026-11-22T18:30:00.000Z",
            "Currency": "EUR",
            "Status": "RECEIVED",
        },
    }


def _stored(schema: dict[str, Any]) -> dict[str, Any]:
    """What is stored of a value that is sent: a decimal as a number, and no limits."""
    if "oneOf" in schema:
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


ORDER = order_schema()
STORED = stored_schema()


def body(schema: dict[str, Any]) -> dict[str, Any]:
    """A request body with this schema, for FastAPI's `openapi_extra`."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def answer(description: str, schema: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    """A response with this schema, for FastAPI's `responses`."""
    return {"description": description, "content": {media_type: {"schema": schema}}}


def problem(description: str) -> dict[str, Any]:
    """A problem response."""
    return answer(description, PROBLEM, "application/problem+json")
