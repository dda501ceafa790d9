"""A server that answers each connection's requests with scripted bytes, and remembers what it was sent."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple


class Body:
    """The body of an answer, as botocore reads it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, **_: object) -> list[bytes]:
        return [self._data]


class Received(NamedTuple):
    """A request: its headers have lower-case names."""

    line: str
    headers: dict[str, str]
    body: bytes


class Server:
    """Answers with `answers` in turn, the last one for ever; b"" closes the connection instead."""

    def __init__(self, listener: socket.socket, answers: Sequence[bytes], tls: ssl.SSLContext | None) -> None:
        self.port: int = listener.getsockname()[1]
        self.url = f"https://localhost:{self.port}" if tls else f"http://127.0.0.1:{self.port}"
        self._tls = tls
        self.received: list[Received] = []
        self.connections = 0
        self._listener = listener
        self._answers = list(answers)

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self._tls:
                try:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                except OSError:
                    # The client does not trust the certificate.
                    continue
            with connection, connection.makefile("rb") as stream:
                while line := stream.readline().decode().strip():
                    self.received.append(_received(line, iter(stream.readline, b"\r\n"), stream))
                    answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                    if not answer:
                        break
                    connection.sendall(answer)
                    if b"connection: close" in answer or b"content-length: 999" in answer:
                        break


def _received(line: str, lines: Iterator[bytes], stream: object) -> Received:
    headers = {}
    for one in lines:
        name, _, value = one.decode().partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0")))  # type: ignore[attr-defined]
    return Received(line, headers, body)


def answer(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    """An answer with its length."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status}", *lines, f"content-length: {len(body)}", "", ""])
    return head.encode() + body


@contextmanager
def serving(*answers: bytes, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener, answers, tls)
        threading.Thread(target=server.run, daemon=True).start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
