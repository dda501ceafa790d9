"""One event through the handler, in this process, and the most memory that it took.

`python -m tests.fuzz.invocation SECONDS` reads the event from its standard input. The clients are real, but
what they would send is answered at once.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, NoReturn

from bench.proc_stats import peak_mb

from orderstream.domain.decode import decode
from orderstream.domain.object_keys import ORDERS
from orderstream.domain.order import MAX_BYTES
from orderstream.pipeline.archive_codec import compress, encode
from orderstream.pipeline.concurrency import MOST_THREADS, threads_for
from orderstream.pipeline.lambda_handler import handle_with
from orderstream.pipeline.quarantine import QuarantineWriter
from orderstream.pipeline.records import Record
from orderstream.pipeline.services import S3Store, Services, lifecycle, make_archive
from orderstream.pipeline.settings import Settings
from orderstream.pipeline.table import OrderTable
from orderstream.sdk.connections import Response
from orderstream.sdk.thin_client import DynamoClient, S3Client

MEMORY_MB = 1024
# What a process may have before it is stopped.
STOPPED_MB = 4096

_SHARD = "shardId-000000000000"
_STATEMENT = re.compile(rb'"Statement": ?"INSERT')


class _AtOnce:
    """Connections that send nothing."""

    proxy = None

    def __init__(self, answer: Callable[[str, Mapping[str, str], bytes], bytes]) -> None:
        self._answer = answer

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        found = self._answer(method, headers, body)
        return Response(200, {"content-length": str(len(found))}, found)


def _s3(method: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Takes what is put; what is there already was made of an order as large as they are taken."""
    return _ORIGINAL if method == "GET" else b""


def _original() -> bytes:
    order = b'{"customer_id":"c","amount":1,"more":[%b1]}' % (b"1.5," * (MAX_BYTES // 4 - 20))
    assert decode(order).order
    record = Record(f"{_SHARD}:42", _SHARD, "42", "key", datetime(2026, 11, 22, 18, tzinfo=UTC), order)
    return compress([encode(record, json=order, order_id="A")])


_ORIGINAL = _original()


def _dynamodb(method: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Orders called taken-N, and the one called same, are there with other content; all else is inserted."""
    if headers["x-amz-target"].endswith("BatchGetItem"):
        return _items(body)
    answers = []
    for part in _STATEMENT.split(body)[1:]:
        is_taken = b'{"S":"taken-' in part[:600] or b'{"S": "taken-' in part[:600]
        answers.append({"Error": {"Code": "DuplicateItem", "Message": "!"}} if is_taken else {})
    return json.dumps({"Responses": answers}).encode()


def _items(body: bytes) -> bytes:
    """Items with other content, whose originals are in objects of their own."""
    ((table, request),) = json.loads(body)["RequestItems"].items()
    other = {
        "CustomerID": {"S": "c" * 256},
        "OrderAmount": {"N": "1"},
        "OrderDate": {"S": "2026-11-22T18:00:00.000000Z"},
        "EventID": {"S": f"{_SHARD}:42"},
        "Fingerprint": {"S": "0" * 32},
    }
    items = []
    for key in request["Keys"]:
        archived = f"{ORDERS}{key['OrderID']['S']}-{'k' * 150}.ndjson.gz"
        items.append(key | other | {"ArchiveKey": {"S": archived}})
    return json.dumps({"Responses": {table: items}}).encode()


class _Dynamo(DynamoClient):
    def _connect(self, url: str) -> Any:
        return _AtOnce(_dynamodb)


class _S3(S3Client):
    def _connect(self, url: str) -> Any:
        return _AtOnce(_s3)


def _services() -> Services:
    environ = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    s3, dynamodb = _S3(MOST_THREADS, environ), _Dynamo(MOST_THREADS, environ)
    settings = Settings("Orders", "bucket", "orderstream", memory_mb=MEMORY_MB)
    store = S3Store(s3, settings.bucket)
    table = OrderTable(dynamodb, "Orders", each=ThreadPoolExecutor(threads_for(MEMORY_MB)).map)
    events = lifecycle(dynamodb, table, settings)
    return Services(settings, make_archive(settings, store), table, events, QuarantineWriter(store))


class _Context:
    aws_request_id = "request"

    def __init__(self, seconds: float) -> None:
        self._end = time.process_time() + seconds

    def get_remaining_time_in_millis(self) -> float:
        # Of the processor's time, as if nobody else used it.
        return (self._end - time.process_time()) * 1000


def handle(seconds: float) -> None:
    """Process the event on stdin, and print what it took: JSON, in the last line."""
    resource.setrlimit(resource.RLIMIT_AS, (STOPPED_MB * 2**20,) * 2)
    # Far more than the invocation has: only what has no bound takes so long.
    limit = int(2 * seconds + 30)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 10))
    signal.signal(signal.SIGXCPU, lambda *_: _end("does not end"))
    services = _services()
    event = json.loads(sys.stdin.buffer.read())
    answer = handle_with(services, event, _Context(seconds), cold=False)
    failed = len(answer["batchItemFailures"])
    _end(f"{failed} again" if failed else "all done")


def _end(outcome: str) -> NoReturn:
    megabytes = peak_mb(os.getpid()) * 2**20 / 1e6
    print(json.dumps({"mb": megabytes, "seconds": time.process_time(), "outcome": outcome}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    handle(float(sys.argv[1]))
