"""The package `standardwebhooks` accepts what is signed, and nothing else."""

from __future__ import annotations

import base64
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from orderstream.webhooks.signature import new_secret, signed_headers

BODY = '{"name": "Zoë"}'.encode()


def test_each_secret_that_is_valid_verifies_and_no_other_does() -> None:
    old, new, other = (new_secret() for _ in range(3))
    headers = signed_headers("A/1", int(time.time()), BODY, [new, old])
    for secret in (old, new):
        assert Webhook(secret).verify(BODY, headers) == {"name": "Zoë"}
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(BODY + b" ", headers)


def test_a_secret_has_32_random_bytes() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"))) == 32


@pytest.mark.parametrize(
    ("event_id", "header"),
    [
        ("A-1/2", "A-1/2"),
        ("a.b/1", "a%2Eb/1"),
        ("a%2Eb/1", "a%252Eb/1"),
        ("Ä\r\nx: y/1", "%C3%84%0D%0Ax: y/1"),
    ],
)
def test_an_id_that_is_no_header_or_has_a_dot_is_encoded(event_id: str, header: str) -> None:
    secret = new_secret()
    headers = signed_headers(event_id, int(time.time()), BODY, [secret])
    assert headers["webhook-id"] == header
    Webhook(secret).verify(BODY, headers)
