"""An HTTP server on a real socket that answers each request as a function decides."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Gets the handler after the request was read, and answers.
Respond = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One connection. `body` is that of the request, `respond` answers it."""

    protocol_version = "HTTP/1.1"
    respond: Respond
    body: bytes

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["content-length"]))
        # Not a method: it would get the handler twice.
        type(self).__dict__["respond"](self)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Many connect at once.
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that goes away is no error."""


@contextlib.contextmanager
def receiver(respond: Respond, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL of a server; leaving the block stops it."""
    server = _Server(("127.0.0.1", 0), type("Handler", (Handler,), {"respond": respond}))
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}/hook?x=1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
