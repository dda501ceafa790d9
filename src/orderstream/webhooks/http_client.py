"""Send one request at a time to an endpoint, to exactly the addresses that were checked."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache

import msgspec
from botocore.httpsession import get_cert_path

from orderstream.webhooks.address import EndpointAddress

# From the connection to the last byte of the response.
REQUEST_SECONDS = 15.0
CONNECT_SECONDS = 5.0
# A response is only read so that its connection can be used again.
MOST_BYTES = 4096
GONE = 410


class Answer(msgspec.Struct, frozen=True):
    """What came of a request: the status, 0 without a response; `error` is "" if it succeeded.

    `retry_after` is what the response says, in seconds.
    """

    status: int
    error: str = ""
    retry_after: float | None = None
    seconds: float = 0.0


class _Connection(http.client.HTTPConnection):
    """A connection to one of `addresses`, whatever the name of the host resolves to now."""

    def __init__(self, target: EndpointAddress, addresses: Sequence[str], tls: ssl.SSLContext | None) -> None:
        super().__init__(target.host, target.port, timeout=CONNECT_SECONDS)
        self._addresses = addresses
        self._tls = tls

    def connect(self) -> None:
        for number, address in enumerate(self._addresses, start=1):
            try:
                self.sock = socket.create_connection((address, self.port), CONNECT_SECONDS)
                break
            except OSError:
                if number == len(self._addresses):
                    raise
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)
        self.sock.settimeout(REQUEST_SECONDS)


@cache
def _verifying() -> ssl.SSLContext:
    """What verifies certificates and names of hosts, by the system's authorities and those of the SDK."""
    context = ssl.create_default_context()
    # Not every system in which a function runs has authorities of its own.
    context.load_verify_locations(get_cert_path(True))
    return context


class HttpClient:
    """Posts to a target, over one connection for each thread that calls it, until it is closed.

    `tls` replaces the context that verifies certificates, `seconds` how long a request may take.
    """

    def __init__(
        self,
        target: EndpointAddress,
        addresses: Sequence[str],
        *,
        seconds: float = REQUEST_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._target = target
        self._addresses = addresses
        self._seconds = seconds
        self._tls = (tls or _verifying()) if target.tls else None
        self._of_thread = threading.local()
        self._open: set[_Connection] = set()

    def close(self) -> None:
        """Close all connections. Nobody may be using them."""
        for connection in self._open:
            connection.close()

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a request. Only a status 2xx is a success; redirects are not followed."""
        begun = time.monotonic()
        connection: _Connection | None = getattr(self._of_thread, "connection", None)
        try:
            if connection:
                try:
                    return self._exchange(connection, body, headers, begun)
                except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                    if time.monotonic() - begun >= self._seconds:
                        raise
                    # The endpoint closed an idle connection. The request is sent again over a new one.
                    self._drop(connection)
            connection = self._of_thread.connection = _Connection(self._target, self._addresses, self._tls)
            self._open.add(connection)
            return self._exchange(connection, body, headers, begun)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if connection:
                self._drop(connection)
            took = time.monotonic() - begun
            late = took >= self._seconds or isinstance(error, TimeoutError)
            return Answer(0, "no response in time" if late else _reason(error), seconds=took)

    def _drop(self, connection: _Connection) -> None:
        connection.close()
        self._open.discard(connection)
        self._of_thread.connection = None

    def _exchange(
        self, connection: _Connection, body: bytes, headers: Mapping[str, str], begun: float
    ) -> Answer:
        # A timeout of the socket would apply to each read, and an endpoint can send a byte at a time.
        guard = threading.Timer(self._seconds, _cut, (connection,))
        guard.daemon = True
        guard.start()
        try:
            connection.request("POST", self._target.path, body, dict(headers))
            response = connection.getresponse()
            response.read(MOST_BYTES)
            if not response.isclosed():
                connection.close()
        finally:
            guard.cancel()
        if time.monotonic() - begun >= self._seconds:
            raise TimeoutError
        status = response.status
        error = "" if 200 <= status < 300 else f"status {status}"
        if 300 <= status < 400:
            error += ", and redirects are not followed"
        return Answer(status, error, _retry_after(response), time.monotonic() - begun)


def _cut(connection: _Connection) -> None:
    """End what the thread of the connection waits for."""
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _retry_after(response: http.client.HTTPResponse) -> float | None:
    """The seconds of a Retry-After header, which has a number or a date."""
    text = response.getheader("Retry-After", "").strip()
    if response.status not in (429, 503) or not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _reason(error: Exception) -> str:
    """Why there was no response, in a few words; it never has content of a response."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return "no TLS connection"
    if isinstance(error, http.client.HTTPException) and not isinstance(error, OSError):
        return "the response is not HTTP"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "the connection was closed without a response"
