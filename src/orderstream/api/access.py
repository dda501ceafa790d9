"""Restricts a local server to requests to its own address that do not come from other sites' pages.

A web page that the user visits can send requests to every port of this machine and, with a name that resolves
to 127.0.0.1 (DNS rebinding), read the responses. Browsers send the source of a request in `Host`, `Origin`
and `Sec-Fetch-Site`; programs send no `Origin`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
RawHeaders = Iterable[tuple[bytes, bytes]]

# Names under localhost (RFC 6761) and addresses in 127/8 are this machine, whatever the DNS server.
_THIS_MACHINE = re.compile(
    r"(?:127(?:\.\d{1,3}){1,3}|\[::1\]|(?:[a-z0-9_-]+\.)*localhost)(?::\d{1,5})?", re.IGNORECASE
)
_OWN_PAGES = {"same-origin", "none"}


def refusal(raw_headers: RawHeaders) -> str | None:
    """Why a request with these headers is rejected, None if it is accepted."""
    headers: dict[bytes, list[str]] = {}
    for name, value in raw_headers:
        headers.setdefault(name.lower(), []).append(value.decode("latin-1"))
    hosts = headers.get(b"host", [])
    if len(hosts) != 1 or not _THIS_MACHINE.fullmatch(hosts[0]):
        return "the Host of the request is not this machine"
    own = {f"http://{hosts[0]}".lower(), f"https://{hosts[0]}".lower()}
    if any(origin.lower() not in own for origin in headers.get(b"origin", [])):
        return "the request comes from a page of another origin"
    if any(site.lower() not in _OWN_PAGES for site in headers.get(b"sec-fetch-site", [])):
        return "the request comes from a page of another site; type the address into the browser itself"
    return None


def local_only(app: Application, headers: Mapping[str, str]) -> Application:
    """Wrap `app` to check every request and WebSocket; `headers` are added to all its responses.

    No response grants another origin access: CORS headers are removed.
    """
    added = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    replaced = {name for name, _ in added}

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return

        async def send_on(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                kept = [
                    (name, value)
                    for name, value in message.get("headers", ())
                    if name.lower() not in replaced and not name.lower().startswith(b"access-control-")
                ]
                message = {**message, "headers": [*kept, *added]}
            await send(message)

        reason = refusal(scope["headers"])
        if reason is None:
            await app(scope, receive, send_on)
        else:
            await refuse(scope, receive, send_on, reason)

    return served


async def refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
    """Respond with 403, to a WebSocket before it opens."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    problem = {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": reason}
    body = json.dumps(problem).encode()
    told = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 403, "headers": told})
    await send({"type": "http.response.body", "body": body})
