"""Serves the application on a local port, in a thread."""

from __future__ import annotations

import logging
import socket
import threading
import time
from types import TracebackType
from typing import Self

import uvicorn

from orderstream.api.access import Application, local_only
from orderstream.errors import OrderstreamError

START_SECONDS = 15
# For requests in progress at shutdown; a client that has sent only part of one gets no response.
END_SECONDS = 5
# Pages may only load from and send to this server, and no other page may frame them. NiceGUI and Swagger UI
# have inline scripts and styles, and Vue compiles templates in the browser; none of them needs a script in an
# attribute, as in <img onerror=…>.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "script-src-attr 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # The dashboard's token is in its URL.
    "Referrer-Policy": "no-referrer",
}


class Server:
    """Serves the application on the loopback interface to its own pages only; leaving the block stops it."""

    def __init__(self, app: Application, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        config = uvicorn.Config(
            local_only(app, _HEADERS),
            host="127.0.0.1",
            port=port,
            log_level="warning",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=END_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)

    def __enter__(self) -> Self:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                raise OrderstreamError(
                    f"port {self._port} is in use by another program", hint="take another port"
                )
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise OrderstreamError(f"the API did not start on port {self._port}")
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A request that is interrupted now does not deserve a traceback.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._server.should_exit = True
        self._thread.join()
