"""A MiniStack that commands take for AWS: it answers under a name that is not this machine's, by a proxy."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from orderstream.aws.clients import AwsClients

NAME = "aws.example"
_OF_ONE_CONNECTION = {"connection", "content-length", "host", "proxy-connection", "transfer-encoding"}


@contextmanager
def as_aws(cloud: AwsClients, folder: Path) -> Iterator[dict[str, str]]:
    """The variables with which every AWS tool takes what is behind `cloud` for AWS."""
    handler = type("Forwarding", (_Handler,), {"target": urlsplit(str(cloud.endpoint_url)).netloc})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, name="proxy")
    thread.start()
    config = folder / "config"
    # Buckets have no names of their own here.
    config.write_text("[default]\ns3 =\n  addressing_style = path\n")
    try:
        yield {
            "AWS_ENDPOINT_URL": f"http://{NAME}",
            "HTTP_PROXY": f"http://127.0.0.1:{server.server_port}",
            "AWS_CONFIG_FILE": str(config),
            "AWS_REGION": str(cloud.region),
            "AWS_ACCESS_KEY_ID": str(cloud.access_key),
            "AWS_SECRET_ACCESS_KEY": str(cloud.secret_key),
            "AWS_SESSION_TOKEN": str(cloud.session_token),
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target = ""

    def _forward(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in _OF_ONE_CONNECTION
        }
        connection = http.client.HTTPConnection(self.target, timeout=60)
        try:
            path = f"{url.path}?{url.query}" if url.query else url.path
            connection.request(self.command, path, body, headers | {"Host": self.target})
            answer = connection.getresponse()
            said = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _OF_ONE_CONNECTION:
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(said))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said)
        finally:
            connection.close()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _forward  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""
