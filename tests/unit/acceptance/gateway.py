"""API Gateway and the HTTP API behind it, on this machine: access, throttling, access log and metrics."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from orderstream.acceptance.context import Context
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.intrinsics import Resolver
from orderstream.deploy.parameters import document
from tests.fakes import Clock
from tests.unit.acceptance.fakes import NAME, SOME_TIME, Answer, CloudFormation, Logs, context_on

LOG = f"{NAME}-ApiLog"
_ROUTES = {"/orders": "POST /orders", "/health": "GET /health"}


@dataclass
class Gateway:
    """What API Gateway does, and in which ways it does not.

    It `asks` for signatures, and takes those over encoded slashes unless it `decodes` paths; it `takes` so
    many requests and refuses the others for their rate. `url` is where it is.
    """

    asks: bool = True
    decodes: bool = False
    takes: int = 10_000
    url: str = ""
    log: list[str] = field(default_factory=list)
    _orders: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, is_signed: bool, body: bytes) -> tuple[int, str]:
        """Status and text."""
        route = _ROUTES.get(path) or f"GET /{path.split('/')[1]}/{{proxy+}}"
        with self._lock:
            status, said = self._answer(method, path, is_signed, body)
            self.log.append(access_log_line(route, status))
        return status, said

    def _answer(self, method: str, path: str, is_signed: bool, body: bytes) -> tuple[int, str]:
        if path == "/health":
            return 200, "{}"
        if (self.asks and not is_signed) or (self.decodes and "%2F" in path):
            return 403, '{"message":"Forbidden"}'
        if self.takes == 0:
            return 429, '{"message":"Too Many Requests"}'
        self.takes -= 1
        if method == "POST":
            self._orders.add(json.loads(body)["order_id"])
            return 202, "{}"
        order_id = unquote(path.removeprefix("/orders/"))
        if order_id not in self._orders:
            return 404, '{"title":"no such order"}'
        return 200, json.dumps({"OrderID": order_id})


@cache
def _form() -> str:
    settings = document(TEMPLATE)["Resources"]["ApiStage"]["Properties"]["AccessLogSettings"]
    return str(Resolver({"AWS::StackName": NAME}, {}).text(settings["Format"]))


def access_log_line(route: str, status: int) -> str:
    """A line in the format that the template gives to the stage."""
    known = {"routeKey": route, "status": str(status)}
    return re.sub(r"\$context\.([\w.]+)", lambda found: known.get(found[1], "-"), _form())


class Metrics:
    """CloudWatch: the sums of metrics by their names, in two minutes, for those who give their dimensions."""

    def __init__(self, sums: dict[str, int]) -> None:
        self.sums = sums

    def get_metric_data(self, MetricDataQueries: list[Answer], StartTime: Any, EndTime: Any) -> Answer:
        assert StartTime < EndTime
        return {"MetricDataResults": [self._result(one) for one in MetricDataQueries]}

    def _result(self, query: Answer) -> Answer:
        metric = query["MetricStat"]["Metric"]
        dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
        known = {"ApiThrottled": {"Stack": NAME}, "Count": {"ApiId": f"{NAME}-Api"}}
        total = self.sums.get(metric["MetricName"], 0) if dimensions == known[metric["MetricName"]] else 0
        times = [SOME_TIME, SOME_TIME.replace(minute=31)] if total else []
        return {"Id": query["Id"], "Timestamps": times, "Values": [total - 1, 1] if total else []}


@contextmanager
def serving(gateway: Gateway) -> Iterator[Gateway]:
    """Serve it on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"gateway": gateway}))
    thread = threading.Thread(target=server.serve_forever, args=[0.01], name="gateway")
    thread.start()
    gateway.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def context_with(gateway: Gateway, clock: Clock | None = None, **sums: int) -> Context:
    """A run whose stack has this gateway for its HTTP API; `sums` are those of its metrics."""
    return context_on(
        clock,
        cloudformation=CloudFormation(ApiUrl=gateway.url),
        logs=Logs({LOG: gateway.log}),
        cloudwatch=Metrics(sums),
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gateway: Gateway

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_signed = self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 ")
        status, said = self.gateway.answer(self.command, self.path, is_signed, body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(said.encode())

    do_GET = do_POST = _serve  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""
