"""The calls of the function's hot path without botocore's client: five operations of DynamoDB and S3.

A call of botocore's client takes several times the processor time of one of these, and importing it half of
a cold start. So botocore is imported only when a call fails, for its parsers and exceptions
(`orderstream.sdk.failed_calls`), and where only it can find the credentials or the endpoint.
"""

from __future__ import annotations

import base64
import hashlib
import os
import random
import time
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from http.client import HTTPException
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import msgspec
from urllib3 import __version__ as urllib3_version  # type: ignore[attr-defined]
from urllib3.exceptions import HTTPError

from orderstream import __version__
from orderstream.sdk.connections import Connections, Response
from orderstream.sdk.retries import backoff
from orderstream.sdk.service_endpoints import region_of, service_endpoint
from orderstream.sdk.sigv4 import Credentials, Signer

if TYPE_CHECKING:
    from orderstream.sdk.failed_calls import FailedCalls

ATTEMPTS = 3
CONNECT_SECONDS = 2
READ_SECONDS = 5
_USER_AGENT = f"orderstream/{__version__} urllib3/{urllib3_version}"
_EMPTY = hashlib.sha256(b"").hexdigest()
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(dict[str, Any])


class ThinClient:
    """One service, by the environment variables of a function; it may be shared by threads.

    At most `connections` are kept. Subclasses name the service and its protocol as botocore does.
    """

    _service: str
    _protocol: str

    def __init__(
        self,
        connections: int,
        environ: Mapping[str, str] = os.environ,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        region = region_of(environ)
        self.endpoint = service_endpoint(self._service, region, environ)
        self._environ = environ
        self._signer = Signer(self._service, region)
        self._most = connections
        self._connections: dict[str, Connections] = {}
        self._sleep = sleep
        # Once a call has failed.
        self._failed: FailedCalls | None = None

    def call(
        self, operation: str, url: str, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> Response:
        """Make a call, with retries; raise the exceptions of botocore's clients. `url` has no path."""
        body_hash = hashlib.sha256(body).hexdigest() if body else _EMPTY
        connections = self._connections.get(url) or self._connect(url)
        headers |= {"host": urlsplit(url).netloc, "x-amz-content-sha256": body_hash}
        attempt = 0
        while True:
            attempt += 1
            credentials = current_credentials(self._environ)
            headers["x-amz-date"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            if credentials.token:
                headers["x-amz-security-token"] = credentials.token
            signature = self._signer.authorization(credentials, method, path, headers, body_hash)
            sent = {**headers, "authorization": signature, "user-agent": _USER_AGENT}
            # Lambda detects loops by it.
            if trace := self._environ.get("_X_AMZN_TRACE_ID"):
                sent["x-amzn-trace-id"] = trace
            try:
                response = connections.request(method, path, sent, body)
            except (OSError, HTTPError, HTTPException) as error:
                failed = self._failures()
                exception: Exception = failed.without_response(error, url + path, connections.proxy)
                cause: Exception | None = error
            else:
                if method == "PUT" and response.status == 200 and response.body:
                    # S3 may notice an error after it has begun to answer with 200.
                    response = response._replace(status=500)
                if response.status < 300:
                    if self._failed:
                        self._failed.succeeded(attempt)
                    return response
                failed = self._failures()
                exception, cause = failed.with_response(operation, response, attempt), None
            if not failed.may_retry(exception, attempt):
                raise exception from cause
            self._sleep(backoff(attempt, random.random(), base=1.0))

    def _connect(self, url: str) -> Connections:
        # Threads may do so at the same time; the connections of all but one are then used once.
        found = self._connections[url] = Connections(
            url,
            self._environ,
            most=self._most,
            connect_seconds=CONNECT_SECONDS,
            read_seconds=READ_SECONDS,
        )
        return found

    def _failures(self) -> FailedCalls:
        if self._failed is None:
            # Imported only now, because it imports botocore.
            from orderstream.sdk.failed_calls import FailedCalls

            self._failed = FailedCalls(self._protocol, ATTEMPTS)
        return self._failed


class DynamoClient(ThinClient):
    """The operations of DynamoDB that the function calls, as methods of botocore's client."""

    _service, _protocol = "dynamodb", "json"

    def batch_execute_statement(self, **parameters: Any) -> dict[str, Any]:
        return self._json("BatchExecuteStatement", parameters)

    def batch_get_item(self, **parameters: Any) -> dict[str, Any]:
        return self._json("BatchGetItem", parameters)

    def query(self, **parameters: Any) -> dict[str, Any]:
        return self._json("Query", parameters)

    def _json(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"DynamoDB_20120810.{operation}",
        }
        response = self.call(operation, self.endpoint.url, "POST", "/", headers, _ENCODER.encode(parameters))
        try:
            return _DECODER.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._failures().not_readable(error) from None


class S3Client(ThinClient):
    """The operations of S3 that the function calls, as methods of botocore's client; bodies are bytes."""

    _service, _protocol = "s3", "rest-xml"

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str) -> dict[str, Any]:
        headers = {
            "if-none-match": IfNoneMatch,
            "x-amz-checksum-crc32": _crc32(Body),
            "x-amz-sdk-checksum-algorithm": "CRC32",
        }
        self.call("PutObject", *self.place("PUT", Bucket, Key), headers, Body)
        return {}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        headers = {"x-amz-checksum-mode": "ENABLED"}
        response = self.call("GetObject", *self.place("GET", Bucket, Key), headers, b"")
        said = response.headers.get("x-amz-checksum-crc32")
        # That of a multipart upload is of its parts.
        if said and "-" not in said and said != (found := _crc32(response.body)):
            raise self._failures().wrong_checksum(said, found)
        return {"Body": BytesIO(response.body)}

    def place(self, method: str, bucket: str, key: str) -> tuple[str, str, str]:
        """The server, the method and the path of an object."""
        path = f"/{quote(key, safe='/~')}"
        # A certificate covers no bucket with a dot.
        if self.endpoint.is_custom or "." in bucket:
            return self.endpoint.url, method, f"/{bucket}{path}"
        scheme, _, host = self.endpoint.url.partition("://")
        return f"{scheme}://{bucket}.{host}", method, path


def current_credentials(environ: Mapping[str, str]) -> Credentials:
    """Those of the environment variables, which may change, or those that botocore finds elsewhere."""
    access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if access_key and secret_key:
        return Credentials(access_key, secret_key, environ.get("AWS_SESSION_TOKEN"))
    found = _botocore_session().get_credentials()
    if found is None:
        from botocore.exceptions import NoCredentialsError

        raise NoCredentialsError
    frozen = found.get_frozen_credentials()
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token)


@cache
def _botocore_session() -> Any:
    from botocore.session import get_session

    return get_session()


def _crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
