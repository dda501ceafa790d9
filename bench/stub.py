"""An endpoint for DynamoDB, S3 and Kinesis that costs far less than any client: it answers and remembers.

Requests are checked only after the measurement (`bench.request_checks`), so that nobody waits for that.
/_begin with Options as JSON forgets all requests. /_asked returns what came since.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import zlib
from typing import Any

import msgspec
import uvicorn

from bench.request_checks import (
    BUCKET,
    TABLE,
    Request,
    check_requests,
    inserted_events,
    queried_order,
    stored_orders,
)

_STACK = {
    "StreamName": "OrderStream",
    "TableName": TABLE,
    "CustomerIndex": "none",
    "ArchiveBucket": BUCKET,
    "DiscardedBucket": "discarded",
    "FunctionName": "ProcessOrders",
    "FunctionAlias": "live",
    "EventSourceMapping": "mapping",
}
_STACK_MEMBERS = "".join(
    f"<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
    for key, value in _STACK.items()
)
_STACK_XML = (
    "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>"
    f"<StackId>stub</StackId><StackStatus>CREATE_COMPLETE</StackStatus><Outputs>{_STACK_MEMBERS}</Outputs>"
    "</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
).encode()
_RECORD = b'{"SequenceNumber":"4959%b","ShardId":"shardId-000000000000"}' % (b"0" * 52)
_COUNTED = {"BatchExecuteStatement": re.compile(b'"Statement":'), "PutRecords": re.compile(b'"Data":')}


class Options(msgspec.Struct):
    """How long DynamoDB or Kinesis and S3 take to answer."""

    table_ms: float = 0
    bucket_ms: float = 0


class Endpoint:
    """The ASGI application, with what came since `begin`."""

    def __init__(self) -> None:
        self._begin(Options())

    def _begin(self, options: Options) -> None:
        self._options = options
        # The events of each order, as they were inserted.
        self._events: dict[str, list[dict[str, Any]]] = {}
        self._requests: list[Request] = []
        self._records = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        parts = []
        is_complete = False
        while not is_complete:
            message = await receive()
            parts.append(message.get("body", b""))
            is_complete = not message.get("more_body")
        path = (scope["raw_path"] + b"?" + scope["query_string"]).rstrip(b"?").decode()
        content, headers, milliseconds = self._answer(
            Request(scope["method"], path, scope["headers"], b"".join(parts))
        )
        if milliseconds:
            await asyncio.sleep(milliseconds / 1000)
        headers.append((b"content-length", b"%d" % len(content)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _answer(self, request: Request) -> tuple[bytes, list[tuple[bytes, bytes]], float]:
        """Body and headers of the answer, and how long it takes in ms."""
        if request.path == "/_begin":
            self._begin(msgspec.json.decode(request.body, type=Options))
            return b"{}", [], 0
        if request.path == "/_asked":
            asked = check_requests(self._requests) | {"records": self._records}
            return msgspec.json.encode(asked), [], 0
        if request.body.startswith(b"Action=DescribeStacks"):
            return _STACK_XML, [(b"content-type", b"text/xml")], 0
        self._requests.append(request)
        operation = request.operation
        if operation == "PutObject":
            return b"", [(b"etag", b'"9b2cf535f27731c974343645a3985328"')], self._options.bucket_ms
        count = len(_COUNTED[operation].findall(request.body)) if operation in _COUNTED else 0
        if operation == "PutRecords":
            self._records += count
            body = b'{"FailedRecordCount":0,"Records":[%b]}' % b",".join([_RECORD] * count)
            return body, [(b"content-type", b"application/x-amz-json-1.1")], self._options.table_ms
        if operation == "BatchGetItem":
            body = msgspec.json.encode({"Responses": {TABLE: stored_orders(request)}, "UnprocessedKeys": {}})
        elif operation == "Query":
            found = self._events.get(queried_order(request), [])
            body = msgspec.json.encode({"Items": found, "Count": len(found)})
        elif operation == "BatchExecuteStatement":
            for row in inserted_events(request):
                self._events.setdefault(row["OrderID"]["S"], []).append(row)
            body = b'{"Responses":[%b]}' % b",".join([b'{"TableName":"Orders"}'] * count)
        else:
            body = b'{"UnprocessedItems":{}}' if operation == "BatchWriteItem" else b"{}"
        headers = [(b"content-type", b"application/x-amz-json-1.0")]
        return body, [*headers, (b"x-amz-crc32", b"%d" % zlib.crc32(body))], self._options.table_ms


def serve(listener: socket.socket, processor: int) -> None:
    """Serve on the listening socket until the process is terminated, on one processor alone."""
    os.sched_setaffinity(0, {processor})
    # Clients wait for a minute between two requests while another one is measured.
    config = uvicorn.Config(Endpoint(), lifespan="off", log_level="error", timeout_keep_alive=3600)
    uvicorn.Server(config).run(sockets=[listener])
