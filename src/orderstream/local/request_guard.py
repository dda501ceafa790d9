"""Guards MiniStack, in its process: rejects foreign web pages and requests without the secret.

MiniStack itself serves anybody who can reach its port, and lets every web page read the response.
"""

from __future__ import annotations

import os
import re
import uuid
from secrets import compare_digest
from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_actions, router
from ministack.services import iam, sts

from orderstream.api.access import Application, Receive, Scope, Send, local_only, refuse
from orderstream.local.patches import Patches, require_attr

# A page stored in a bucket must not run with the token in the URL that opened it.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# The public keys of a Cognito user pool, which MiniStack's API Gateway fetches here to verify tokens.
_PUBLIC_KEYS = re.compile(r"/([^/]+)/\.well-known/jwks\.json")
_REFUSED = 'this local cloud wants the session token that it was started with: eval "$(orders stack env)"'


_patches = Patches()
_patches.need(app, "_send_response", "_get_module")
_patches.need(router, "detect_service", "extract_access_key_id")
_patches.need(iam_actions, "access_denied_response")
_patches.need(sts, "_sessions", "_session_expired")
_patches.need(iam, "_access_keys")


def install() -> None:
    """Accept only requests that carry the secret (AWS_SESSION_TOKEN of this process).

    Two exceptions: temporary credentials that this cloud issued and, where it verifies signatures, its users'
    access keys are accepted, but not for MiniStack's own administration. Public keys are served to everybody.
    """
    _patches.apply()
    app.app = local_only(app.app, _HEADERS)


@_patches.replace("app", app)
async def _serve(plain: Application, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await plain(scope, receive, send)
        return
    decoded = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    headers = {name.lower(): value for name, value in decoded}
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if _may_enter(scope["path"], headers, query):
        await plain(scope, receive, send)
    elif scope["type"] == "websocket":
        await refuse(scope, receive, send, _REFUSED)
    elif keys := _public_keys(scope):
        # Served from here: MiniStack may route such a request to another service.
        await app._send_response(send, *keys)
    else:
        service = router.detect_service(scope["method"], scope["path"], headers, query)
        # In the service's own format, so that every SDK can read it.
        said = {"error_code": "AccessDenied", "message": _REFUSED, "headers": headers}
        denied = iam_actions.access_denied_response(service, "", "", str(uuid.uuid4()), **said)
        await app._send_response(send, *denied)


def _may_enter(path: str, headers: dict[str, str], query: dict[str, list[str]]) -> bool:
    # For a presigned URL; each signature version spells the parameter differently.
    signed = {name.lower(): values[0] for name, values in query.items()}
    given = headers.get("x-amz-security-token") or signed.get("x-amz-security-token", "")
    if _same(given, os.environ["AWS_SESSION_TOKEN"]):
        return True
    if path.startswith(("/_ministack/", "/_localstack/")):
        return False
    key: str = router.extract_access_key_id(headers, query)
    session: dict[str, Any] | None = sts._sessions.get(key)
    if session:
        return not sts._session_expired(session) and _same(given, session.get("SessionToken", ""))
    return app.AUTH and not given and any(key == one for _, one in iam._access_keys.to_dict())


def _public_keys(scope: Scope) -> tuple[Any, ...] | None:
    found = _PUBLIC_KEYS.fullmatch(scope["path"])
    if scope["method"] != "GET" or not found:
        return None
    cognito = app._get_module("cognito")
    pool = require_attr(cognito, "_get_pool_unscoped")(found[1])
    keys: tuple[Any, ...] | None = cognito.well_known_jwks(found[1]) if pool else None
    return keys


def _same(given: str, expected: str) -> bool:
    return bool(given) and compare_digest(given.encode(), expected.encode())
