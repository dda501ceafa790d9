"""Reads the body of a request: JSON, and bounded."""

from __future__ import annotations

from fastapi import Request

from orderstream.api.problems import ProblemError


async def read_body(request: Request, most: int) -> bytes:
    """Read the body, but never more than `most` bytes of it. Raises ProblemError (413, 415)."""
    # Another site's page can send a body of these types, or of none, without a CORS preflight.
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise ProblemError(415, f"the content type must be application/json, not {kind or 'left out'}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise ProblemError(413, f"has more than {most:,} bytes")
    return bytes(body)
