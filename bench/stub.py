"""An endpoint for DynamoDB, S3 and Kinesis that costs far less than any client: it answers and remembers.

`python -m bench.stub --port 0` prints its port. What was asked of it is judged only when the clock has
stopped (`bench.request_checks`), so that nobody waits for that. PUT /_begin?table_ms=5&bucket_ms=20 forgets
everything and sets how long answers take; with keep=100 only one request in so many is kept for the judge.
GET /_asked tells what came since; `records` are those of all PutRecords.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import zlib
from functools import cache
from urllib.parse import parse_qs, urlsplit

import msgspec

from bench.request_checks import BUCKET, TABLE, Request, judge

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_DATE = b"Date: Tue, 24 Nov 2026 12:00:00 GMT\r\n"
_DYNAMO_HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: Server\r\n" + _DATE + b"Content-Type: application/x-amz-json-1.0\r\n"
    b"Content-Length: %d\r\nConnection: keep-alive\r\n"
    b"x-amzn-RequestId: 3K8TQ2VV4V0UBDA5M6E1R5V1JFVV4KQNSO5AEMVJF66Q9ASUAAJG\r\nx-amz-crc32: %d\r\n\r\n"
)
_KINESIS_HEAD = (
    b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: c5a1b1d2-9d2f-4b0c-8a57-0f2c1c1d9a11\r\n"
    b"x-amz-id-2: gKQbX0mK2mYdV7wq8n0bT0c8q9y5Zl0B2nVwq5m6Zy5G0bq5uJxT1cY0wq8n0bT0\r\n"
    + _DATE
    + b"Content-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n\r\n"
)
_S3_ANSWER = (
    b"HTTP/1.1 200 OK\r\n"
    b"x-amz-id-2: gKQbX0mK2mYdV7wq8n0bT0c8q9y5Zl0B2nVwq5m6Zy5G0bq5uJxT1cY0wq8n0bT0c8q9y5Zl0B2=\r\n"
    b"x-amz-request-id: 5Q6ZV8E9K2M1N4B7\r\n" + _DATE + b"x-amz-server-side-encryption: AES256\r\n"
    b'ETag: "9b2cf535f27731c974343645a3985328"\r\nx-amz-checksum-type: FULL_OBJECT\r\n'
    b"Server: AmazonS3\r\nContent-Length: 0\r\n\r\n"
)
_STACK_HEAD = b"HTTP/1.1 200 OK\r\n" + _DATE + b"Content-Type: text/xml\r\nContent-Length: %d\r\n\r\n"
_STACK = {
    "StreamName": "OrderStream",
    "TableName": TABLE,
    "CustomerIndex": "none",
    "ArchiveBucket": BUCKET,
    "FunctionName": "ProcessOrders",
    "EventSourceMapping": "mapping",
}


class _Batch(msgspec.Struct):
    """The parts of requests whose length the answer must have."""

    Statements: list[msgspec.Raw] = []
    Records: list[msgspec.Raw] = []


_BATCH = msgspec.json.Decoder(_Batch)


@cache
def _inserted(statements: int) -> bytes:
    return b'{"Responses":[%b]}' % b",".join([b'{"TableName":"Orders"}'] * statements)


@cache
def _taken(records: int) -> bytes:
    one = b'{"SequenceNumber":"%b","ShardId":"shardId-000000000000"}' % (b"4959" + b"0" * 52)
    return b'{"EncryptionType":"KMS","FailedRecordCount":0,"Records":[%b]}' % b",".join([one] * records)


def _with_head(body: bytes) -> bytes:
    return _DYNAMO_HEAD % (len(body), zlib.crc32(body)) + body


def _stack() -> bytes:
    """What CloudFormation says of the one stack that there is."""
    outputs = "".join(
        f"<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
        for key, value in _STACK.items()
    )
    body = (
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>"
        f"<StackId>stub</StackId><StackStatus>CREATE_COMPLETE</StackStatus><Outputs>{outputs}</Outputs>"
        "</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    ).encode()
    return _STACK_HEAD % len(body) + body


class Endpoint:
    """What came since `begin`, and how long answers take."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.came = self.records = 0
        self.keep = 1
        self.table_seconds = self.bucket_seconds = 0.0

    def answer(self, request: Request) -> tuple[bytes, float]:
        """The answer, and after how many seconds it goes."""
        if request.path.startswith("/_"):
            return self._told(request), 0.0
        if request.body.startswith(b"Action=DescribeStacks"):
            return _stack(), 0.0
        if self.came % self.keep == 0:
            self.requests.append(request)
        self.came += 1
        target = request.target
        if target == "BatchExecuteStatement":
            return _with_head(_inserted(len(_BATCH.decode(request.body).Statements))), self.table_seconds
        if target == "PutRecords":
            records = len(_BATCH.decode(request.body).Records)
            self.records += records
            body = _taken(records)
            return _KINESIS_HEAD % len(body) + body, self.table_seconds
        if target:
            unprocessed = b'{"UnprocessedItems":{}}' if target == "BatchWriteItem" else b"{}"
            return _with_head(unprocessed), self.table_seconds
        return _S3_ANSWER, self.bucket_seconds

    def _told(self, request: Request) -> bytes:
        told = urlsplit(request.path)
        body = b"{}"
        if told.path == "/_begin":
            options = {name: float(values[0]) for name, values in parse_qs(told.query).items()}
            self.table_seconds = options.get("table_ms", 0.0) / 1000
            self.bucket_seconds = options.get("bucket_ms", 0.0) / 1000
            self.keep = int(options.get("keep", 1))
            self.requests = []
            self.came = self.records = 0
        else:
            body = json.dumps({**judge(self.requests), "records": self.records}).encode()
        return _with_head(body)


class Connection(asyncio.Protocol):
    """HTTP/1.1, as much of it as the SDKs speak."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._buffer = bytearray()
        self._head = b""
        self._length = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._head or b"\r\n\r\n" in self._buffer:
            if not self._head:
                end = self._buffer.index(b"\r\n\r\n") + 4
                self._head = bytes(self._buffer[:end])
                del self._buffer[:end]
                length = _LENGTH.search(self._head)
                self._length = int(length[1]) if length else 0
                if b"100-continue" in self._head:
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if len(self._buffer) < self._length:
                return
            body = bytes(self._buffer[: self._length])
            del self._buffer[: self._length]
            head, self._head = self._head, b""
            answer, seconds = self._endpoint.answer(Request(head, body))
            if seconds:
                self._loop.call_later(seconds, self._transport.write, answer)
            else:
                self._transport.write(answer)


async def serve(port: int) -> None:
    """Serve on the loopback interface for ever; prints the port that it has."""
    endpoint = Endpoint()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(endpoint), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve, on one processor alone if told so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--processor", type=int)
    options = parser.parse_args()
    if options.processor is not None:
        os.sched_setaffinity(0, {options.processor})
    asyncio.run(serve(options.port))


if __name__ == "__main__":
    main()
