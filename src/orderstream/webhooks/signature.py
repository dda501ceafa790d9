"""Signatures of Standard Webhooks (https://www.standardwebhooks.com), symmetric: HMAC-SHA256."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from urllib.parse import quote

PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """A random secret, as a receiver configures it: `whsec_` and 32 bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed_headers(event_id: str, at: int, body: bytes, keys: Iterable[str]) -> dict[str, str]:
    """The headers that identify and sign a message; `at` is in seconds since the epoch.

    There is a signature for each of the secrets `keys`. A receiver accepts any of them. In the id, what a
    header cannot have is encoded as %XX, and the dot too, which separates the parts of what is signed.
    """
    message_id = quote(event_id, safe="/!#$&'()*+,:;=?@[] ").replace(".", "%2E")
    signed = f"{message_id}.{at}.".encode() + body
    signatures = (
        base64.b64encode(hmac.digest(base64.b64decode(key.removeprefix(PREFIX)), signed, hashlib.sha256))
        for key in keys
    )
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{signature.decode()}" for signature in signatures),
    }
