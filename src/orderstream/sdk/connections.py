"""HTTP/1.1 on the connections of urllib3, for small requests and responses.

urllib3 connects, with its pool, TLS, proxies and time-outs. Only writing a request and reading a response is
done here, because there it takes four fifths of the time of a request. Python's own parser reads a response
that is not plain: without a length, chunked, or an interim one.
"""

import io
import os
import socket
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, ProxyError

_PIECE = 65536
_MOST_HEAD = 65536
_NO_BODY = (204, 304)


class Response(NamedTuple):
    """A response; its headers have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connections:
    """Connections to one server, `most` at a time; it may be shared by threads.

    Errors of urllib3, `http.client` and the socket propagate.
    """

    def __init__(
        self,
        url: str,
        environ: Mapping[str, str],
        *,
        most: int,
        connect_seconds: float,
        read_seconds: float,
    ) -> None:
        self.proxy = _proxy_for(url, environ)
        options: dict[str, Any] = {
            "maxsize": most,
            "timeout": urllib3.Timeout(connect=connect_seconds, read=read_seconds),
            "socket_options": [
                *HTTPConnection.default_socket_options,
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            ],
        }
        if url.startswith("https:"):
            options |= {"cert_reqs": "CERT_REQUIRED", "ca_certs": _certificates(environ)}
        manager = urllib3.PoolManager(**options)
        if self.proxy:
            user = urlsplit(self.proxy)
            basic = (
                f"{unquote(user.username)}:{unquote(user.password)}"
                if user.username and user.password
                else None
            )
            headers = urllib3.make_headers(proxy_basic_auth=basic)
            manager = urllib3.ProxyManager(self.proxy, proxy_headers=headers, **options)
        self._pool: Any = manager.connection_from_url(url)
        self._read_seconds = read_seconds
        self._tunnels = self.proxy is not None and self._pool.scheme == "https"
        # A proxy that forwards needs the whole URL of what it is asked for.
        self._prefix = url.rstrip("/") if self.proxy and not self._tunnels else ""

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Send a request and read the response; `path` is percent-encoded."""
        more = self._pool.proxy_headers if self._prefix else {}
        lines = "".join([f"{name}: {value}\r\n" for name, value in {**headers, **more}.items()])
        if body or method != "GET":
            lines += f"content-length: {len(body)}\r\n"
        head = f"{method} {self._prefix}{path} HTTP/1.1\r\n{lines}\r\n"
        connection = self._pool._get_conn()
        try:
            if connection.sock is None:
                self._connect(connection)
            connection.sock.settimeout(self._read_seconds)
            connection.sock.sendall(head.encode("latin-1") + body)
            response, stays_open = _read(connection.sock)
        except BaseException:
            connection.close()
            self._pool._put_conn(None)
            raise
        if not stays_open:
            connection.close()
        self._pool._put_conn(connection)
        return response

    def _connect(self, connection: Any) -> None:
        try:
            if self._tunnels:
                self._pool._prepare_proxy(connection)
            else:
                connection.connect()
        except (OSError, HTTPException, HTTPError) as error:
            if self.proxy and not connection.has_connected_to_proxy:
                raise ProxyError("cannot connect to the proxy", error) from error
            raise


def _read(sock: socket.socket) -> tuple[Response, bool]:
    """The response, and whether the connection stays open."""
    data = sock.recv(_PIECE)
    while (end := data.find(b"\r\n\r\n")) < 0 and data and len(data) < _MOST_HEAD:
        piece = sock.recv(_PIECE)
        if not piece:
            break
        data += piece
    if end < 0:
        raise ConnectionError("the response broke off in its head, or has a very long one")
    status, *lines = data[:end].decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    length, code = headers.get("content-length", ""), status[9:12]
    is_plain = (
        status.startswith("HTTP/1.1 ")
        and len(headers) == len(lines)
        and "transfer-encoding" not in headers
        and length.isdecimal()
        and code.isdecimal()
        and int(code) >= 200
        and int(code) not in _NO_BODY
    )
    if not is_plain:
        # Python's parser may have read beyond the response.
        return _read_any(sock, data), False
    body = data[end + 4 :]
    missing = int(length) - len(body)
    if missing > 0:
        parts = [body]
        while missing > 0:
            piece = sock.recv(min(missing, _PIECE))
            if not piece:
                raise ConnectionError(f"the response broke off, {missing} bytes before its end")
            parts.append(piece)
            missing -= len(piece)
        body = b"".join(parts)
    # More than was said would be read as the next response.
    stays_open = missing == 0 and headers.get("connection", "").lower() != "close"
    return Response(int(code), headers, body[: int(length)]), stays_open


def _read_any(sock: socket.socket, data: bytes) -> Response:
    """A response by Python's own parser; `data` has been read before."""
    with HTTPResponse(_Replayed(sock, data)) as response:  # type: ignore[arg-type]
        response.begin()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, headers, body)


class _Replayed(io.RawIOBase):
    """A socket of which some bytes have been read."""

    def __init__(self, sock: socket.socket, data: bytes) -> None:
        self._sock = sock
        self._data = data

    def makefile(self, mode: str) -> io.BufferedReader:
        """What `http.client` reads from."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._data:
            return self._sock.recv_into(buffer)
        count = min(len(buffer), len(self._data))
        buffer[:count], self._data = self._data[:count], self._data[count:]
        return count


def _certificates(environ: Mapping[str, str]) -> str:
    """The file of the certificates that botocore trusts, too."""
    if bundle := environ.get("AWS_CA_BUNDLE") or environ.get("REQUESTS_CA_BUNDLE"):
        return bundle
    # Found without importing it.
    from importlib.util import find_spec

    found = find_spec("botocore")
    assert found and found.submodule_search_locations
    return os.path.join(found.submodule_search_locations[0], "cacert.pem")


def _proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy for a URL."""
    parts = urlsplit(url)
    found = _either(environ, f"{parts.scheme}_proxy")
    if not found:
        return None
    # In Python's library, though not in the stubs of mypy.
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

    if proxy_bypass_environment(parts.netloc, {"no": _either(environ, "no_proxy")}):
        return None
    return found if "://" in found else f"http://{found}"


def _either(environ: Mapping[str, str], name: str) -> str:
    """An environment variable whose name is in small letters or, if that is not set, in capitals."""
    return environ.get(name) or environ.get(name.upper(), "")
