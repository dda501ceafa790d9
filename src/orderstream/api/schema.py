"""The API's documentation: the JSON schema of an order, and examples."""

from __future__ import annotations

from typing import Any

from orderstream.domain.fields import CURRENCIES

_MONEY = {
    "description": "A JSON number, or a plain decimal string; its digits are kept exactly.",
    "oneOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"},
    ],
}
ORDER: dict[str, Any] = {
    "type": "object",
    "required": ["customer_id", "amount"],
    "properties": {
        "customer_id": {"type": "string", "minLength": 1, "maxLength": 256},
        "amount": _MONEY,
        "order_id": {
            "type": "string",
            "pattern": "^[ -~]{1,128}$",
            "description": "It makes a retry safe. Without it the Idempotency-Key is the id, else a new one.",
        },
        "currency": {"type": "string", "enum": sorted(CURRENCIES), "description": "ISO 4217."},
        "order_date": {"type": "string", "format": "date-time", "description": "RFC 3339, with its zone."},
        "items": {
            "type": "array",
            "description": "Where there are any, they add up to the amount.",
            "items": {
                "type": "object",
                "required": ["sku", "quantity", "unit_price"],
                "properties": {
                    "sku": {"type": "string", "minLength": 1, "maxLength": 256},
                    "quantity": {"type": "integer", "minimum": 1},
                    "unit_price": _MONEY,
                },
            },
        },
    },
    "additionalProperties": True,
    "example": {
        "order_id": "A-1001",
        "customer_id": "12345",
        "amount": "19.90",
        "currency": "EUR",
        "items": [{"sku": "tea", "quantity": 2, "unit_price": "9.95"}],
    },
}
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
STORED: dict[str, Any] = {
    "type": "object",
    "required": ["OrderID", "CustomerID", "OrderAmount", "OrderDate", "Currency", "Status"],
    "properties": {
        "OrderID": {"type": "string"},
        "CustomerID": {"type": "string"},
        "OrderAmount": {"type": "number", "description": "All digits of it: do not read it as a float."},
        "OrderDate": {"type": "string", "format": "date-time"},
        "Currency": {"type": "string"},
        "Status": {"type": "string"},
        "EventID": {"type": "string"},
        "ReceivedAt": {"type": "string", "format": "date-time"},
        "ArchiveKey": {"type": "string"},
        "Fingerprint": {"type": "string"},
        "NormalizedFingerprint": {"type": "string"},
    },
    "example": {
        "OrderID": "A-1001",
        "CustomerID": "12345",
        "OrderAmount": 19.90,
        "OrderDate": "2026-11-22T18:30:00.000Z",
        "Currency": "EUR",
        "Status": "RECEIVED",
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
