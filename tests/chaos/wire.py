"""The way to AWS with faults on it: clients → this proxy → microburst → MiniStack.

microburst can truncate the body of an answer, but the answer to an S3 PutObject has none; and it gives
errors to whole calls, not to single statements or records inside an answer 200. So the proxy before it does
these two things. It alters request bodies: AWS would refuse their signature, MiniStack does not look at it.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientPayloadError, ClientSession, ClientTimeout, TCPConnector, web
from microburst.app import make_app
from microburst.core.pipeline import Microburst
from microburst.detection import detect
from yarl import URL

PATIENCE_SECONDS = 60
# Of a call. microburst refuses more than a mebibyte, so larger ones go to MiniStack itself.
MOST_BYTES, MICROBURST_BYTES = 16 * 1024 * 1024, 1024 * 1024

# A rule as microburst takes it.
Rule = dict[str, Any]

_SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
# Those that belong to one connection, or that are set anew.
_OWN_HEADERS = {"connection", "content-length", "date", "expect", "keep-alive", "server", "transfer-encoding"}
_MESSAGE = "made up by the proxy"
# By operation: the lists of its parts in request and answer, and what the answer of a failed part may be: all
# errors that AWS documents as transient.
_PARTS: dict[str, tuple[str, str, list[dict[str, Any]]]] = {
    "BatchExecuteStatement": (
        "Statements",
        "Responses",
        [
            {"Error": {"Code": code, "Message": _MESSAGE}}
            for code in (
                *("ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"),
                *("InternalServerError", "TransactionConflict"),
            )
        ],
    ),
    "PutRecords": (
        "Records",
        "Records",
        [
            {"ErrorCode": code, "ErrorMessage": _MESSAGE}
            for code in ("ProvisionedThroughputExceededException", "InternalFailure")
        ],
    ),
}


@dataclass(frozen=True)
class Losses:
    """What goes wrong in the proxy.

    `parts` has the operation (BatchExecuteStatement, PutRecords) and the share of its parts that fail.
    `answers` has the operation, or the service, and how many calls in a row of how many are carried out
    and get no answer: (3, 10) is the first three of every ten.
    """

    parts: Mapping[str, float] = field(default_factory=dict)
    answers: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """What each of them is counted as."""
        return [f"part of {name} refused" for name in self.parts] + [
            f"answer of {name} lost" for name in self.answers
        ]


NO_LOSSES = Losses()


@dataclass(frozen=True)
class _Answer:
    """What came back; one that microburst truncated `is_cut`."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_cut: bool = False


class Wire:
    """Both proxies, in a thread; without faults they pass everything on as it is."""

    def __init__(self, upstream: str) -> None:
        self.endpoint_url = ""
        self._upstream = upstream
        self._microburst = Microburst(upstream)
        self._losses = NO_LOSSES
        self._fired: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self._under_way: set[object] = set()
        self._dice = random.Random(1)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve while the block runs."""
        ready = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="wire")
        thread.start()
        assert ready.wait(PATIENCE_SECONDS), "the proxies do not start"
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._over.set)
            thread.join()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        # It would load the models of all services at the first call, which takes longer than a client waits.
        detect({"Host": "127.0.0.1"}, "POST", "/", {}, None)
        front = web.Application(client_max_size=MOST_BYTES)
        front.router.add_route("*", "/{tail:.*}", self._handle)
        # microburst resets connections, so that none is used twice.
        connector, timeout = TCPConnector(force_close=True, limit=0), ClientTimeout(total=None)
        async with AsyncExitStack() as stack:
            self._behind = await _listen(stack, make_app(self._microburst))
            session = ClientSession(connector=connector, timeout=timeout, auto_decompress=False)
            self._session = await stack.enter_async_context(session)
            self.endpoint_url = await _listen(stack, front)
            ready.set()
            await self._over.wait()

    @contextmanager
    def faults(self, rules: Sequence[Rule], losses: Losses) -> Iterator[Callable[[], list[int]]]:
        """Make these faults while the block runs; the function counts each of them.

        At the end of the block every call that had a fault has come to its end.
        """
        before = self._fired.copy()
        made = self._microburst.engine.set_rules(list(rules))
        self._losses = losses
        try:
            yield lambda: [
                *(rule.fired_count for rule in made),
                *(self._fired[name] - before[name] for name in losses.names),
            ]
        finally:
            self._losses = NO_LOSSES
            self._microburst.engine.set_rules([])
            # A call that was delayed past its client's patience is carried out all the same.
            calls, deadline = self._under_way.copy(), time.monotonic() + PATIENCE_SECONDS
            while calls & self._under_way:
                assert time.monotonic() < deadline, "calls do not come to an end"
                time.sleep(0.02)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = object()
        self._under_way.add(call)
        try:
            answer = await self._carry_out(request)
        finally:
            self._under_way.remove(call)
        if request.transport is None:
            # The client has stopped waiting.
            return web.Response()
        if answer is None:
            # Not to linger makes closing a reset.
            linger = struct.pack("ii", 1, 0)
            request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            request.transport.abort()
            return web.Response()
        if not answer.is_cut:
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.content_length = len(answer.body) + 1
        await response.prepare(request)
        await response.write(answer.body)
        request.transport.close()
        return response

    async def _carry_out(self, request: web.Request) -> _Answer | None:
        """The answer to a call; None where there is none, or it is to be lost."""
        losses, body = self._losses, await request.read()
        operation = request.headers.get("X-Amz-Target", "").partition(".")[2]
        if operation in losses.parts:
            answer = await self._in_parts(request, operation, losses.parts[operation], json.loads(body))
        else:
            answer = await self._pass_on(request, body)
        service = _SERVICE.search(request.headers.get("Authorization", ""))
        for name in (operation, service[1] if service else ""):
            if answer and name in losses.answers:
                count, of = losses.answers[name]
                self._calls[name] += 1
                if (self._calls[name] - 1) % of < count:
                    self._fired[f"answer of {name} lost"] += 1
                    return None
        return answer

    async def _pass_on(self, request: web.Request, body: bytes) -> _Answer | None:
        server = self._behind if len(body) <= MICROBURST_BYTES else self._upstream
        url, parts, is_cut = URL(server + request.raw_path, encoded=True), [], False
        try:
            async with self._session.request(
                request.method,
                url,
                data=io.BytesIO(body),
                headers=_passed(request.headers),
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
                allow_redirects=False,
            ) as answer:
                try:
                    async for part in answer.content.iter_any():
                        parts.append(part)
                except ClientPayloadError:
                    is_cut = True
                return _Answer(answer.status, _passed(answer.headers), b"".join(parts), is_cut)
        except (ClientError, OSError):
            # microburst has reset the connection.
            return None

    async def _in_parts(
        self, request: web.Request, operation: str, share: float, document: dict[str, Any]
    ) -> _Answer | None:
        asked, answered, errors = _PARTS[operation]
        refused = [self._dice.random() < share for _ in document[asked]]
        let_through = [
            part for part, is_refused in zip(document[asked], refused, strict=True) if not is_refused
        ]
        found: dict[str, Any] = {answered: []}
        headers = {"Content-Type": request.headers["Content-Type"]}
        if let_through:
            answer = await self._pass_on(request, json.dumps(document | {asked: let_through}).encode())
            if answer is None or answer.status != 200 or answer.is_cut:
                return answer
            # The checksum is that of another body.
            headers = {name: value for name, value in answer.headers.items() if name.lower() != "x-amz-crc32"}
            found = json.loads(answer.body)
        taken = iter(found[answered])
        found[answered] = [self._dice.choice(errors) if is_refused else next(taken) for is_refused in refused]
        if operation == "PutRecords":
            found["FailedRecordCount"] = sum("ErrorCode" in part for part in found[answered])
        self._fired[f"part of {operation} refused"] += sum(refused)
        return _Answer(200, headers, json.dumps(found).encode())


async def _listen(stack: AsyncExitStack, app: web.Application) -> str:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


def _passed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OWN_HEADERS}
