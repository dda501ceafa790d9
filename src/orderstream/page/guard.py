"""Who may open the page: this machine's user, by its own name, with the token, and in no frame of another."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response

_HEADERS = {
    "X-Frame-Options": "DENY",
    # The token is in the address.
    "Referrer-Policy": "no-referrer",
}


def guard(app: FastAPI) -> None:
    """Refuse requests whose host is not this machine's loopback, and let no other page frame this one."""

    async def with_headers(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await go_on(request)
        response.headers.update(_HEADERS)
        return response

    app.add_middleware(BaseHTTPMiddleware, dispatch=with_headers)
    # A name that a stranger makes lead here must not open the page.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])


def is_with_token(request: Request, token: str) -> bool:
    """Whether the request has the token. What else a page loads is asked for by an id that only it knows."""
    return secrets.compare_digest(request.query_params.get("token", "").encode(), token.encode())
