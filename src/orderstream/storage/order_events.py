"""The events of orders: those of one order, its history, and those that wait."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from orderstream.aws.deployment import Deployment
from orderstream.domain.fold import PENDING_EVENT, PENDING_ORDER, is_placeholder
from orderstream.pipeline.attributes import attribute_value, plain_value
from orderstream.sdk.errors import translate_errors
from orderstream.storage.orders import Item, stored_items

_PENDING_INDEX = "ByPending"
_AT_A_TIME = 100
_CONCURRENT_READS = 8

# An event in the table OrderEvents: text, Decimal, lists and dicts.
Row = dict[str, Any]


@dataclass(frozen=True)
class WaitingOrder:
    """An order with events that wait `since` (UTC text).

    `pending` is "order" if the order itself has not arrived. It is "event" if an event has not arrived that
    has a lower `seq` than others: `missing_seq`. `events` are all events that have arrived.
    """

    order_id: str
    pending: str
    since: str
    missing_seq: int | None
    events: list[Row]


def read_events(deployment: Deployment, order_id: str) -> list[Row]:
    """The stored events of an order, in the order of their positions. A stack without events has none."""
    if not deployment.events_table:
        return []
    request: dict[str, Any] = {
        "TableName": deployment.events_table,
        "KeyConditionExpression": "OrderID = :id",
        "ExpressionAttributeValues": {":id": {"S": order_id}},
        "ConsistentRead": True,
    }
    rows: list[Row] = []
    with translate_errors(f"cannot read the events of order {order_id}"):
        while True:
            page = deployment.cloud.dynamodb.query(**request)
            rows += [plain_value({"M": row}) for row in page["Items"]]
            if not page.get("LastEvaluatedKey"):
                return rows
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def read_events_of(deployment: Deployment, order_ids: Iterable[str]) -> Iterator[tuple[str, list[Row]]]:
    """Each of these orders with its events, as `read_events` returns them; reads several at a time."""

    def read(order_id: str) -> tuple[str, list[Row]]:
        return order_id, read_events(deployment, order_id)

    with ThreadPoolExecutor(_CONCURRENT_READS) as threads:
        yield from threads.map(read, order_ids)


def waiting(deployment: Deployment) -> Iterator[WaitingOrder]:
    """The orders that have not arrived, but events of them, and then those of which an event has not arrived.

    Each longest waiting first.
    """
    if not deployment.events_table:
        return
    for pending in (PENDING_ORDER, PENDING_EVENT):
        for items in _pending(deployment, pending):
            for order_id, events in read_events_of(deployment, items):
                item = items[order_id]
                missing = int(item["MissingSeq"]) if "MissingSeq" in item else None
                yield WaitingOrder(order_id, pending, item["PendingSince"], missing, events)


def _pending(deployment: Deployment, pending: str) -> Iterator[dict[str, Item]]:
    """The items that wait for the order, or for an event, some at a time."""
    with translate_errors(f"cannot read the index {_PENDING_INDEX} of table {deployment.table}"):
        pages = deployment.cloud.dynamodb.get_paginator("query").paginate(
            TableName=deployment.table,
            IndexName=_PENDING_INDEX,
            KeyConditionExpression="Pending = :pending",
            ExpressionAttributeValues={":pending": attribute_value(pending)},
            PaginationConfig={"PageSize": _AT_A_TIME},
        )
        for page in pages:
            ids = [item["OrderID"]["S"] for item in page["Items"]]
            # The index has only keys, and lags behind.
            items = stored_items(deployment, ids)
            yield {
                order_id: items[order_id]
                for order_id in ids
                if items.get(order_id, {}).get("Pending") == pending
                and is_placeholder(items[order_id]) == (pending == PENDING_ORDER)
            }
