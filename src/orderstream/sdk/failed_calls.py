"""What a failed call of `orderstream.sdk.thin_client` raises, and whether it is made again: as botocore does.

This imports botocore, and so it is imported only when a call has failed.
"""

from __future__ import annotations

import ssl
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError, create_parser
from botocore.retries.quota import RetryQuota
from urllib3 import exceptions as urllib3

from orderstream.sdk.connections import Response
from orderstream.sdk.errors import is_transient

# What retries take from the quota, and what a success without any gives back; as in botocore.
_RETRY, _TIMEOUT, _SUCCESS = 5, 10, 1
_TIMEOUTS = (ConnectTimeoutError, ReadTimeoutError)


class FailedCalls:
    """The failed calls of a client; `protocol` is botocore's name of the service's."""

    def __init__(self, protocol: str, attempts: int) -> None:
        # Errors need no model of the operation.
        self._parser: Any = create_parser(protocol)
        self._attempts = attempts
        self._quota = RetryQuota()

    def with_response(self, operation: str, response: Response, attempt: int) -> Exception:
        """The exception for a response that is an error."""
        found = {
            "status_code": response.status,
            "headers": response.headers,
            "body": response.body,
            "context": {"operation_name": operation},
        }
        try:
            parsed = self._parser.parse(found, None)
        except ResponseParserError as error:
            return error
        parsed.setdefault("Error", {})
        parsed["ResponseMetadata"] |= {"RetryAttempts": attempt - 1}
        if attempt == self._attempts:
            parsed["ResponseMetadata"]["MaxAttemptsReached"] = True
        return ClientError(parsed, operation)

    def without_response(self, error: Exception, url: str, proxy: str | None) -> Exception:
        """The exception for what prevented a response."""
        if isinstance(error, urllib3.ProxyError):
            parts = urlsplit(proxy or "")
            # Without its password.
            where = f"{parts.scheme}://{parts.hostname}:{parts.port}"
            return ProxyConnectionError(proxy_url=where, error=error)
        if isinstance(error, (ssl.SSLError, urllib3.SSLError)):
            return SSLError(endpoint_url=url, error=error)
        if isinstance(error, urllib3.NewConnectionError):
            return EndpointConnectionError(endpoint_url=url, error=error)
        if isinstance(error, urllib3.ConnectTimeoutError):
            return ConnectTimeoutError(endpoint_url=url, error=error)
        if isinstance(error, TimeoutError):
            return ReadTimeoutError(endpoint_url=url, error=error)
        if isinstance(error, (OSError, HTTPException, urllib3.ProtocolError)):
            return ConnectionClosedError(endpoint_url=url, error=error)
        return HTTPClientError(error=error)

    def not_readable(self, error: Exception) -> Exception:
        """The exception for a response that is not JSON."""
        return ResponseParserError(f"Unable to parse response ({error}), invalid JSON received")

    def wrong_checksum(self, said: str, found: str) -> Exception:
        """The exception for an object that is not what S3 says it is."""
        return FlexibleChecksumError(error_msg=f"Expected checksum {said} did not match {found}")

    def may_retry(self, exception: Exception, attempt: int) -> bool:
        """Whether the call is made again; it costs quota, so that an outage is not made worse."""
        cost = _TIMEOUT if isinstance(exception, _TIMEOUTS) else _RETRY
        return attempt < self._attempts and is_transient(exception) and self._quota.acquire(cost)

    def succeeded(self, attempt: int) -> None:
        """Give quota back."""
        self._quota.release(_SUCCESS if attempt == 1 else _RETRY)
