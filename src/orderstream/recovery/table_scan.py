"""Scan the tables of orders and of events, as far as the reconciliation needs them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from orderstream.aws.deployment import Deployment
from orderstream.domain.fold import STATE, is_placeholder
from orderstream.pipeline.attributes import plain_value
from orderstream.sdk.errors import translate_errors
from orderstream.storage.order_events import Row
from orderstream.storage.orders import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_TEXTS = ("OrderID", "EventID", "ArchiveKey", "Fingerprint", "NormalizedFingerprint", "ReceivedAt")
# Beside these, a fold reads only whether an order has items.
_STATE = ("OrderAmount", "Currency", *STATE)


def scan_orders(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """The items and placeholders of the table: the texts that are compared with records, and `state`."""
    for item in scan(deployment, deployment.table, (*_TEXTS, *_STATE, "Items[0]")):
        found: dict[str, Any] = {name: value["S"] for name, value in item.items() if "S" in value}
        if "Version" in item or "Pending" in item:
            found["state"] = msgspec.json.encode(item)
        yield found


def scan_items(deployment: Deployment) -> Iterator[Item]:
    """The whole items of the orders that have arrived."""
    for attributes in scan(deployment, deployment.table):
        item: Item = plain_value({"M": attributes})
        if not is_placeholder(item):
            yield item


def scan_events(deployment: Deployment) -> Iterator[Row]:
    """The events of all orders. A stack without events has none."""
    if deployment.events_table:
        for row in scan(deployment, deployment.events_table):
            yield plain_value({"M": row})


def scan(
    deployment: Deployment, table: str, paths: tuple[str, ...] = ()
) -> Iterator[dict[str, AttributeValueTypeDef]]:
    """The items of a table, in DynamoDB JSON; with `paths`, only these attributes or parts of them."""
    request: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
    if paths:
        # Some names are reserved words of DynamoDB.
        names = {f"#{number}": path.partition("[")[0] for number, path in enumerate(paths)}
        places = (f"#{number}{''.join(path.partition('[')[1:])}" for number, path in enumerate(paths))
        request |= {"ProjectionExpression": ", ".join(places), "ExpressionAttributeNames": names}
    with translate_errors(f"cannot read table {table}"):
        for page in deployment.cloud.dynamodb.get_paginator("scan").paginate(**request):
            yield from page["Items"]
