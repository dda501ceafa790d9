"""Requests to the HTTP API of a guarded local cloud."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import DEFAULT_STACK, describe_stack
from orderstream.local.cloud import REGION


class Caller:
    """Somebody who calls the deployed API with these keys, or with none."""

    def __init__(self, cloud: AwsClients, keys: Sequence[str] | None = None) -> None:
        found = describe_stack(cloud, DEFAULT_STACK)
        assert found
        # ApiUrl is a name that not every machine resolves.
        self._host = httpx.URL(found.outputs["ApiUrl"]).netloc.decode()
        self._endpoint = cloud.endpoint_url or ""
        self._keys = keys
        # Whoever has no keys of the cloud's users needs its secret to reach it at all.
        self._token = {} if keys else {"x-amz-security-token": cloud.session_token or ""}

    def __call__(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        kind = {"content-type": "application/json"} if body is not None else {}
        asked = AWSRequest(method, f"http://{self._host}{path}", data=body, headers=kind | (headers or {}))
        if self._keys:
            SigV4Auth(Credentials(*self._keys), "execute-api", REGION).add_auth(asked)
        sent = dict(asked.headers) | self._token | {"host": self._host}
        return httpx.request(method, self._endpoint + path, content=body, headers=sent, timeout=60)


def token(cloud: AwsClients, pool: str, *scopes: str) -> tuple[str, str]:
    """A client of a Cognito user pool that may have these scopes: its id, and a token for it."""
    cognito: Any = cloud._client("cognito-idp")
    client = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName=uuid.uuid4().hex,
        GenerateSecret=True,
        AllowedOAuthFlows=["client_credentials"],
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthScopes=list(scopes),
    )["UserPoolClient"]
    known = base64.b64encode(f"{client['ClientId']}:{client['ClientSecret']}".encode()).decode()
    answer = httpx.post(
        f"{cloud.endpoint_url}/oauth2/token",
        content=urlencode({"grant_type": "client_credentials", "scope": " ".join(scopes)}),
        headers={
            "authorization": f"Basic {known}",
            "content-type": "application/x-www-form-urlencoded",
            "x-amz-security-token": cloud.session_token or "",
        },
    )
    return client["ClientId"], answer.json()["access_token"]
