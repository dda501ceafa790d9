"""A wire to a service of which some connections are dead: they take everything, and nothing comes back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Container
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class DeadWire:
    """Passes connections on to `url`, at an address of its own, but those whose numbers (from 0) are `dead`.

    Of the answers of a dead one, `passing` bytes come through before it falls silent.
    """

    def __init__(self, url: str, dead: Container[int], *, passing: int = 0) -> None:
        self._to = (urlsplit(url).hostname, urlsplit(url).port)
        self._dead = dead
        self._passing = passing
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.connections = 0

    @property
    def url(self) -> str:
        """The address to use in place of the service's."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Wakes whoever waits in `accept` or `recv`, which closing alone does not.
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._to)
            self._open += [near, far]
            most = self._passing if self.connections in self._dead else None
            self.connections += 1
            ways: tuple[tuple[socket.socket, socket.socket, int | None], ...]
            ways = ((near, far, None if most is None or most else 0), (far, near, most))
            for source, sink, left in ways:
                threading.Thread(target=_carry, args=(source, sink, left), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket, left: int | None) -> None:
    """Carry bytes on, at most `left` of them (None is all), and swallow the rest."""
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data if left is None else data[:left])
            left = None if left is None else max(0, left - len(data))
        if left is None:
            sink.shutdown(socket.SHUT_WR)
