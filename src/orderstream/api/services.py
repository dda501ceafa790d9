"""What every route works with: the services behind the application, and JSON responses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from orderstream.aws.deployment import Deployment
from orderstream.client import OrderProducer

_JSON = msgspec.json.Encoder(decimal_format="number")

# FastAPI's type for responses.
Responses = dict[int | str, dict[str, Any]]


@dataclass(frozen=True)
class ApiServices:
    """The application's dependencies. `degraded` returns a word for each problem; none means healthy."""

    producer: OrderProducer
    deployment: Deployment
    degraded: Callable[[], list[str]]


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response of JSON; Decimals are exact numbers."""
    return Response(_JSON.encode(value), status, headers, "application/json")
