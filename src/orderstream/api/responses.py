"""JSON responses."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

# FastAPI's type for the responses of a route.
Responses = dict[int | str, dict[str, Any]]

_JSON = msgspec.json.Encoder(decimal_format="number")


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response with a value as JSON; Decimals as exact numbers."""
    return Response(_JSON.encode(value), status, headers, "application/json")
