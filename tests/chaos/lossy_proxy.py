"""A proxy for the faults that microburst cannot make: answers lost whole, and calls that fail in parts.

microburst can abort the body of an answer, but the answer to an S3 PutObject has none; and it gives
errors to whole calls, not to single statements or records inside an answer 200. So this stands before
it, and does these two things and no other. It alters request bodies: AWS would refuse their signature,
MiniStack does not look at it.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, IncompleteRead
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
# Those that belong to one connection, or that this proxy says anew.
_OWN_HEADERS = {
    "connection",
    "content-length",
    "date",
    "expect",
    "keep-alive",
    "server",
    "transfer-encoding",
}


@dataclass(frozen=True)
class _Parts:
    """Where a call has its parts: the lists in request and answer, and what a failed part's answer is."""

    asked: str
    answered: str
    errors: tuple[dict[str, Any], ...]


def _throttled(code: str) -> dict[str, Any]:
    return {"Error": {"Code": code, "Message": "made up by the proxy"}}


# microburst's own HTTP server answers 413 to more, before any rule is looked at.
_MICROBURST_BYTES = 1024 * 1024

# By X-Amz-Target. The errors are all that AWS documents as passing.
_IN_PARTS = {
    "DynamoDB_20120810.BatchExecuteStatement": _Parts(
        "Statements",
        "Responses",
        (
            _throttled("ThrottlingError"),
            _throttled("ProvisionedThroughputExceeded"),
            _throttled("RequestLimitExceeded"),
            _throttled("InternalServerError"),
            _throttled("TransactionConflict"),
        ),
    ),
    "Kinesis_20131202.PutRecords": _Parts(
        "Records",
        "Records",
        (
            {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "made up by the proxy"},
            {"ErrorCode": "InternalFailure", "ErrorMessage": "made up by the proxy"},
        ),
    ),
}


@dataclass(frozen=True)
class Answer:
    """What came back; one that microburst cut off `is_cut` here too."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_cut: bool = False


@dataclass(frozen=True)
class Losses:
    """What goes wrong.

    `parts` has the operation (BatchExecuteStatement, PutRecords) and the share of its parts that fail.
    `answers` has the operation, or the service, and how many calls in a row of how many are carried out
    and get no answer: (3, 10) is the first three of every ten.
    """

    parts: Mapping[str, float] = field(default_factory=dict)
    answers: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """What the counts are called that each of them leads to."""
        return frozenset(
            [f"part of {name} refused" for name in self.parts]
            + [f"answer of {name} lost" for name in self.answers]
        )


NO_LOSSES = Losses()


class LossyProxy:
    """Passes HTTP on to microburst, with `losses`, which may be set anew; large calls to MiniStack itself."""

    def __init__(self, microburst_port: int, ministack_port: int) -> None:
        self.losses = NO_LOSSES
        self._microburst_port = microburst_port
        self._ministack_port = ministack_port
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._lock = threading.Lock()
        self._fired: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self._numbers = itertools.count()
        self._under_way: set[int] = set()
        self._chance = random.Random(1)

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def fired(self) -> Counter[str]:
        """How often each fault was made since the start, by its name in `Losses.names`."""
        with self._lock:
            return self._fired.copy()

    @property
    def under_way(self) -> frozenset[int]:
        """The numbers of the calls that have not come to an end behind this proxy."""
        with self._lock:
            return frozenset(self._under_way)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def carry_out(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer | None:
        """The answer to a call; None where there is none, or it is to be lost."""
        with self._lock:
            number = next(self._numbers)
            self._under_way.add(number)
        try:
            losses = self.losses
            target = headers.get("X-Amz-Target", "")
            operation = target.partition(".")[2]
            if operation in losses.parts and target in _IN_PARTS:
                answer = self._in_parts(_IN_PARTS[target], losses.parts[operation], path, headers, body)
            else:
                answer = self._pass_on(method, path, headers, body)
            found = _SERVICE.search(headers.get("Authorization", ""))
            for name in (operation, found[1] if found else ""):
                if answer and name in losses.answers and self._is_turn(name, *losses.answers[name]):
                    self._count(f"answer of {name} lost", 1)
                    return None
            return answer
        finally:
            with self._lock:
                self._under_way.remove(number)

    def _pass_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer | None:
        port = self._microburst_port if len(body) <= _MICROBURST_BYTES else self._ministack_port
        with closing(HTTPConnection("127.0.0.1", port)) as upstream:
            try:
                upstream.request(method, path, body, headers)
                answer = upstream.getresponse()
                try:
                    return Answer(answer.status, dict(answer.getheaders()), answer.read())
                except IncompleteRead as read:
                    return Answer(answer.status, dict(answer.getheaders()), read.partial, is_cut=True)
            except (HTTPException, OSError):
                # microburst has reset the connection.
                return None

    def _in_parts(
        self, parts: _Parts, share: float, path: str, headers: dict[str, str], body: bytes
    ) -> Answer | None:
        request = json.loads(body)
        refused = [self._chance.random() < share for _ in request[parts.asked]]
        operation = headers["X-Amz-Target"].partition(".")[2]
        let_through = [part for part, no in zip(request[parts.asked], refused, strict=True) if not no]
        document: dict[str, Any] = {parts.answered: []}
        answered: dict[str, str] = {"Content-Type": headers["Content-Type"]}
        if let_through:
            altered = json.dumps(request | {parts.asked: let_through}).encode()
            answer = self._pass_on("POST", path, headers, altered)
            if answer is None or answer.status != 200 or answer.is_cut:
                return answer
            document, answered = json.loads(answer.body), answer.headers
        # It is the checksum of another body.
        answered = {name: value for name, value in answered.items() if name.lower() != "x-amz-crc32"}
        taken = iter(document[parts.answered])
        document[parts.answered] = [
            self._chance.choice(parts.errors) if no else next(taken) for no in refused
        ]
        if parts.asked == "Records":
            document["FailedRecordCount"] = sum("ErrorCode" in part for part in document[parts.answered])
        self._count(f"part of {operation} refused", sum(refused))
        return Answer(200, answered, json.dumps(document).encode())

    def _is_turn(self, name: str, count: int, of: int) -> bool:
        with self._lock:
            self._calls[name] += 1
            return (self._calls[name] - 1) % of < count

    def _count(self, name: str, times: int) -> None:
        with self._lock:
            self._fired[name] += times


class _Server(ThreadingHTTPServer):
    # Clients come in bursts, and a refused connection would be a fault that nobody counts.
    request_queue_size = 128

    def __init__(self, proxy: LossyProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that has given up waiting, or was killed, is what the scenarios are about.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN_HEADERS}
        answer = self.server.proxy.carry_out(self.command, self.path, headers, body)
        if answer is None:
            self._reset()
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in _OWN_HEADERS:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body) + answer.is_cut))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        if answer.is_cut:
            self.close_connection = True

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = _answer

    def _reset(self) -> None:
        # Not to linger makes closing a reset; it happens when the handler ends and lets go of its files.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass
