"""Detects which requests to MiniStack may change state, by the name of their operation."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Served = Callable[[Scope, Any, Any], Awaitable[None]]

# What `arrivals` tells, instead of the name of a stream or table, when other resources may have changed.
RESOURCES = "resources"

# Metrics arrive all the time, even when idle: they wait for the next snapshot.
_READS = re.compile(rb"(Get|List|Describe|Head|Query|Scan|BatchGet|Subscribe|PutMetricData)")
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")


def noticing_changes(
    serve: Served, changed: Callable[[], None], concerns: Callable[[Scope], bool] = lambda scope: True
) -> Served:
    """Wrap the ASGI application `serve` to call `changed` for each request that may change state.

    It is called when the request arrives and again when it is answered. Requests that are none of its
    concerns are left out.
    """

    async def served(scope: Scope, receive: Receive, send: Any) -> None:
        is_read = scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS")
        if is_read or not concerns(scope):
            await serve(scope, receive, send)
            return
        is_change: bool | None = None

        async def receiving() -> dict[str, Any]:
            nonlocal is_change
            message = await receive()
            if is_change is None and message["type"] == "http.request":
                is_change = may_change(scope, message.get("body", b""))
                if is_change:
                    changed()
            return message

        await serve(scope, receiving, send)
        if is_change:
            changed()

    return served


def may_change(scope: Scope, body: bytes) -> bool:
    """Whether a request's operation is not a read; one without a name may change anything."""
    target = dict(scope["headers"]).get(b"x-amz-target", b"")
    if target:
        name = target.rpartition(b".")[2]
    elif "/operation/" in scope["path"]:
        name = scope["path"].rpartition("/")[2].encode()
    else:
        found = _ACTION.search(body) if scope["path"] == "/" else None
        name = found[1] if found else b""
    return not _READS.match(name)
