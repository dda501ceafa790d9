"""Requests to MiniStack, made beforehand and sent with as few costs of the client as possible."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from http.client import HTTPConnection
from typing import Any, NamedTuple

from orderstream.local.cloud import ACCOUNT, REGION

# More do not make MiniStack faster: it works on one request at a time.
THREADS = 8


class Request(NamedTuple):
    """A request but for where it goes."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def put_records(stream: str, records: Iterable[tuple[bytes, str]]) -> Request:
    """PutRecords of records (data, partition key), 500 at most."""
    entries = [{"Data": base64.b64encode(data).decode(), "PartitionKey": key} for data, key in records]
    return _json("kinesis", "Kinesis_20131202.PutRecords", {"StreamName": stream, "Records": entries})


def insert(table: str, items: Iterable[Mapping[str, Any]]) -> Request:
    """BatchExecuteStatement that inserts items in DynamoDB's JSON, 25 at most, as the function does."""
    statements = [
        {
            "Statement": f'INSERT INTO "{table}" VALUE {{{", ".join(f"{name!r}: ?" for name in item)}}}',
            "Parameters": list(item.values()),
        }
        for item in items
    ]
    return _json("dynamodb", "DynamoDB_20120810.BatchExecuteStatement", {"Statements": statements})


def shard_iterator(stream: str, shard_id: str) -> Request:
    """GetShardIterator from the first record on."""
    asked = {"StreamName": stream, "ShardId": shard_id, "ShardIteratorType": "TRIM_HORIZON"}
    return _json("kinesis", "Kinesis_20131202.GetShardIterator", asked)


def get_records(iterator: str, limit: int) -> Request:
    """GetRecords."""
    asked = {"ShardIterator": iterator, "Limit": limit}
    return _json("kinesis", "Kinesis_20131202.GetRecords", asked)


def invoke(function: str, event: bytes) -> Request:
    """Invoke, with the end of the log in the answer."""
    path = f"/2015-03-31/functions/{function}/invocations"
    return Request("POST", path, _headers("lambda") | {"X-Amz-Log-Type": "Tail"}, event)


def put_object(bucket: str, key: str, body: bytes) -> Request:
    """PutObject."""
    return Request("PUT", f"/{bucket}/{key}", _headers("s3"), body)


def send(
    port: int, token: str, requests: Sequence[Request], threads: int = THREADS
) -> tuple[float, list[bytes]]:
    """Send all, some at a time, with the session token: the seconds that took, and the answers.

    A bad one raises RuntimeError.
    """
    answers: list[bytes] = [b""] * len(requests)
    waiting = iter(enumerate(requests))
    errors: list[BaseException] = []

    def work(connection: HTTPConnection) -> None:
        try:
            for index, (method, path, headers, body) in waiting:
                connection.request(method, path, body, {**headers, "X-Amz-Security-Token": token})
                answer = connection.getresponse()
                answers[index] = answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"{path}: {answer.status} {answers[index][:300]!r}")
        except BaseException as error:
            errors.append(error)

    connections = [HTTPConnection("127.0.0.1", port) for _ in range(min(threads, len(requests)))]
    workers = [threading.Thread(target=work, args=(connection,)) for connection in connections]
    for connection in connections:
        connection.connect()
    begin = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - begin
    for connection in connections:
        connection.close()
    if errors:
        raise errors[0]
    return seconds, answers


def _json(service: str, target: str, document: object) -> Request:
    body = json.dumps(document, separators=(",", ":")).encode()
    return Request("POST", "/", _headers(service) | {"X-Amz-Target": target}, body)


def _headers(service: str) -> dict[str, str]:
    # MiniStack reads account, region and service off the credential, and checks no signature.
    scope = f"{ACCOUNT}/20261124/{REGION}/{service}/aws4_request"
    return {
        "Content-Type": "application/x-amz-json-1.1"
        if service == "kinesis"
        else "application/x-amz-json-1.0",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
    }
