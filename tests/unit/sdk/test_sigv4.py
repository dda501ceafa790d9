"""Signatures are those of AWS's test suite, and those of botocore.

`sigv4_vectors.json` has the cases of AWS's Signature Version 4 test suite that apply to requests without a
query, whose path is sent as it is signed: method, path, headers to sign, body and signature. Source:
https://github.com/awslabs/aws-c-auth, tests/aws-signing-test-suite/v4, commit
495329c2433034bd8fd53fc6ba9e0202d3fac876, Apache-2.0.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from orderstream.sdk.sigv4 import Credentials, Signer

VECTORS = json.loads(Path(__file__).with_name("sigv4_vectors.json").read_text())
KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,15}", fullmatch=True).map("x-amz-meta-{}".format)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_a_signature_is_that_of_awss_test_suite(vector: dict[str, Any]) -> None:
    body_hash = hashlib.sha256(vector["body"].encode()).hexdigest()
    found = Signer("service", "us-east-1").authorization(
        KEYS, vector["method"], quote(vector["path"], safe="/~"), vector["headers"], body_hash
    )
    scope = "20150830/us-east-1/service/aws4_request"
    assert found.startswith(f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders=")
    assert found.endswith(f", Signature={vector['signature']}")


@given(
    st.sampled_from(["dynamodb", "s3"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.dictionaries(NAMES, WORDS, max_size=4),
    st.binary(max_size=100),
    st.tuples(WORDS.filter(bool), WORDS, st.none() | WORDS.filter(bool)),
)
def test_a_signature_is_that_of_botocore(
    service: str, key: str, headers: dict[str, str], body: bytes, keys: tuple[str, str, str | None]
) -> None:
    path = f"/bucket/{quote(key, safe='/~')}" if service == "s3" else "/"
    request = AWSRequest(
        "PUT", f"https://{service}.eu-west-1.amazonaws.com{path}", headers=headers, data=body
    )
    request.context["payload_signing_enabled"] = True
    credentials = Credentials(*keys)
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    kind(BotocoreCredentials(*keys), service, "eu-west-1").add_auth(request)
    signed = {name.lower(): value for name, value in request.headers.items() if name != "Authorization"}
    signed["host"] = f"{service}.eu-west-1.amazonaws.com"
    found = Signer(service, "eu-west-1").authorization(
        credentials, "PUT", path, signed, hashlib.sha256(body).hexdigest()
    )
    assert found == request.headers["Authorization"]


def test_the_key_follows_the_secret_the_day_and_back() -> None:
    signer = Signer("dynamodb", "eu-west-1")

    def sign(secret: str, day: str) -> str:
        headers = {"host": "h", "x-amz-date": f"{day}T000000Z"}
        return signer.authorization(Credentials("A", secret), "POST", "/", headers, "0" * 64)

    first = sign("one", "20261130")
    assert len({first, sign("two", "20261130"), sign("two", "20261201")}) == 3
    assert sign("one", "20261130") == first
