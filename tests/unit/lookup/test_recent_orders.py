"""The latest orders as AWS answers, and MiniStack does not: a log in pages, a table in parts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from types import SimpleNamespace
from typing import Any

from botocore.response import StreamingBody

from orderstream.domain import object_keys
from orderstream.lookup.recent_orders import MOST_PAGES, SPANS, RecentOrders
from orderstream.pipeline.archive_codec import compress, encode
from orderstream.pipeline.records import Record
from tests.fakes import deployment_on

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
ORDERS = ("A", "B", "B", "C", "D")


class Log:
    """CloudWatch Logs with these pages, newest lines first; counts those that were asked for."""

    def __init__(self, pages: Iterable[list[dict[str, Any]]]) -> None:
        self.pages = pages
        self.asked = 0
        self.requests: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> Log:
        assert operation == "filter_log_events"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        self.requests.append(request)
        for page in self.pages:
            self.asked += 1
            yield {"events": page}


class Bucket:
    """S3 with one object, whatever is asked for; each order is followed by an event of it."""

    def get_object(self, **_: Any) -> dict[str, Any]:
        records = [Record(f"s:{n}", "s", str(n), "k", NOW, b"{}") for n in range(len(ORDERS))]
        lines = [
            encode(one, json=b"{}", order_id=ORDERS[n], **more)
            for n, one in enumerate(records)
            for more in ({}, {"event": "paid"})
        ]
        body = compress(lines)
        return {"Body": StreamingBody(BytesIO(body), len(body)), "LastModified": NOW}


class Table:
    """DynamoDB with an item of each order, which answers for one key at a time."""

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        ((table, request),) = RequestItems.items()
        (key, *later) = request["Keys"]
        assert key not in later, "the same key twice is an error"
        order_id = key["OrderID"]["S"]
        event = f"s:{ORDERS.index(order_id)}"
        item = {"OrderID": order_id, "EventID": event, "ReceivedAt": f"2026-11-22T18:00:0{event[-1]}Z"}
        item["Applied"] = "internal"
        return {
            "Responses": {table: [{name: {"S": value} for name, value in item.items()}]},
            "UnprocessedKeys": {table: request | {"Keys": later}} if later else {},
        }


def latest(log: Log, most: int) -> RecentOrders:
    return RecentOrders(deployment_on(SimpleNamespace(logs=log, s3=Bucket(), dynamodb=Table())), most)


def logged(number: int) -> dict[str, Any]:
    line = {"Stack": "test", "Received": 4, "Stored": 4, "request_id": str(number)}
    line |= {"objects": [f"{object_keys.ORDERS}a.ndjson.gz"], "_aws": {"Timestamp": 1_000 * number}}
    return {"message": json.dumps(line)}


def test_the_log_is_asked_for_its_newest_lines_until_they_have_enough_orders() -> None:
    log = Log([[logged(9)], [logged(8)], [logged(7)]])
    found = latest(log, most=3).poll(NOW)
    assert [item["OrderID"] for item in found] == ["D", "C", "B"]
    assert all(item["Version"] == 1 and "Applied" not in item for item in found)
    assert log.asked == 1
    (request,) = log.requests
    assert request["startFromHead"] is False and request["filterPattern"] == "{ $.Stored > 0 }"
    assert request["startTime"] == (NOW - SPANS[0]).timestamp() * 1000


def test_an_answer_of_the_table_in_parts_is_read_to_its_end() -> None:
    assert len(latest(Log([[logged(9)]]), most=50).poll(NOW)) == 4


def test_of_a_log_without_end_so_many_pages_are_read_and_no_more() -> None:
    def empty() -> Iterator[list[dict[str, Any]]]:
        while True:
            yield []

    log = Log(empty())
    assert latest(log, most=50).poll(NOW) == []
    assert log.asked == MOST_PAGES * len(SPANS)
