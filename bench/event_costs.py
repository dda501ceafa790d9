"""What an event of an order takes: bytes of its row, of its item and in the archive, and processor time.

The function's own code runs here, with the SDK, on tables and a bucket of MiniStack. That is a process of its
own, so its time does not count.
"""

from __future__ import annotations

import base64
import io
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.events import SIZES, event_of, traffic
from bench.worker import Context
from orderstream.aws.clients import AwsClients
from orderstream.local.cloud import token_of
from orderstream.local.ministack import MiniStack, free_port
from orderstream.pipeline import services
from orderstream.pipeline.attributes import plain_value
from orderstream.pipeline.lambda_handler import handle_with
from orderstream.pipeline.telemetry import LogLine, read_log_line

EVENTS = ("paid", "packed", "shipped", "delivered")
_BATCH = 1000
_REGION: Final = "eu-west-1"
_ACCOUNT, _BUCKET = "000000000001", "archive"
_TABLES = {"Orders": ("OrderID",), "OrderEvents": ("OrderID", "Position")}


@dataclass(frozen=True)
class EventCosts:
    """Of an event: bytes as sent, of its row, and of its line in the archive, packed. What the item grows by
    with the first event, and with each further one. Processor time in µs of an order, and of its first event
    and each further one, every one in another batch.
    """

    size: float
    row: float
    archived: float
    item_first: float
    item_next: float
    order_us: float
    event_us: tuple[float, ...]


def measure_events(batch: int = _BATCH) -> EventCosts:
    """A batch of orders of 600 bytes, then for each event a batch with that of every order."""
    orders = json.loads(traffic(batch, SIZES[1], seed=1).event)
    ids = [json.loads(base64.b64decode(one["kinesis"]["data"]))["order_id"] for one in orders["Records"]]
    with TemporaryDirectory() as folder, function_on_ministack(Path(folder)) as (use, cloud):
        order_us, _ = run_function(use, orders)
        items = [_bytes_in(cloud, "Orders")]
        event_us, archived, sent = [], 0, 0
        for seq, name in enumerate(EVENTS, start=1):
            some = [event_bytes(order_id, name, seq) for order_id in ids]
            spent, line = run_function(use, json.loads(event_of(some, seed=1 + seq)))
            assert line.events == batch and not line.forbidden, line
            event_us.append(spent)
            archived += line.archive_bytes
            sent += sum(map(len, some))
            items.append(_bytes_in(cloud, "Orders"))
        rows = _bytes_in(cloud, "OrderEvents")
    count = batch * len(EVENTS)
    return EventCosts(
        size=sent / count,
        row=rows / count,
        archived=archived / count,
        item_first=(items[1] - items[0]) / batch,
        item_next=(items[-1] - items[1]) / (count - batch),
        order_us=order_us,
        event_us=tuple(event_us),
    )


def event_bytes(order_id: str, name: str, seq: int) -> bytes:
    fields = {"order_id": order_id, "event": name, "event_id": f"{name}-{order_id}", "seq": seq}
    return json.dumps(fields | {"occurred_at": f"2026-11-22T1{seq}:00:00Z"}).encode()


def run_function(use: services.Services, event: dict[str, Any]) -> tuple[float, LogLine]:
    """Processor time in µs a record, and the function's log line."""
    said = io.StringIO()
    begin = time.process_time()
    with redirect_stdout(said):
        answer = handle_with(use, event, Context(), cold=False)
    spent = time.process_time() - begin
    assert answer == {"batchItemFailures": []}, answer
    line = read_log_line(said.getvalue().splitlines()[0])
    assert line
    return spent / len(event["Records"]) * 1e6, line


@contextmanager
def function_on_ministack(folder: Path) -> Iterator[tuple[services.Services, AwsClients]]:
    """The function's services in this process, and clients, on a MiniStack with its tables and bucket."""
    with MiniStack(port=free_port(), token=token_of(None), work_dir=folder) as running:
        cloud = AwsClients(
            endpoint_url=running.endpoint_url,
            region=_REGION,
            access_key=_ACCOUNT,
            secret_key="bench",
            session_token=running.token,
        )
        for name, attributes in _TABLES.items():
            _make_table(cloud, name, attributes)
        cloud.s3.create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": _REGION})
        os.environ |= {
            "AWS_ENDPOINT_URL": running.endpoint_url,
            "AWS_REGION": _REGION,
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_ACCESS_KEY_ID": _ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_SESSION_TOKEN": running.token,
            "TABLE_NAME": "Orders",
            "EVENTS_TABLE_NAME": "OrderEvents",
            "ARCHIVE_BUCKET": _BUCKET,
            "STACK_NAME": "bench",
        }
        services.services.cache_clear()
        yield services.services(), cloud


def _make_table(cloud: AwsClients, name: str, attributes: tuple[str, ...]) -> None:
    kinds: Any = zip(attributes, ("HASH", "RANGE"), strict=False)
    cloud.dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": one, "KeyType": kind} for one, kind in kinds],
        AttributeDefinitions=[{"AttributeName": one, "AttributeType": "S"} for one in attributes],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )


def _bytes_in(cloud: AwsClients, table: str) -> int:
    """Bytes of all items of a table, as DynamoDB counts them."""
    pages = cloud.dynamodb.get_paginator("scan").paginate(TableName=table)
    return sum(bytes_of(plain_value({"M": item})) for page in pages for item in page["Items"])


def bytes_of(item: dict[str, Any]) -> int:
    """Bytes of an item as DynamoDB counts them."""
    return sum(len(name) + _stored(value) for name, value in item.items())


def _stored(value: Any) -> int:
    """Bytes of an attribute as DynamoDB counts them: text as UTF-8, two digits of a number a byte."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, int | Decimal):
        return len(str(value).strip("-").replace(".", "")) // 2 + 2
    if isinstance(value, list):
        return 3 + sum(1 + _stored(one) for one in value)
    assert isinstance(value, dict)
    return 3 + sum(1 + len(name) + _stored(one) for name, one in value.items())
