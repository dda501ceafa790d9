"""Find and delete the items of one customer, by the index or, without one, by scanning the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from orderstream.aws.deployment import Deployment
from orderstream.pipeline.concurrency import MOST_THREADS
from orderstream.sdk.errors import translate_errors


def order_ids_of(deployment: Deployment, customer_id: str) -> Iterator[str]:
    """The ids of a customer's orders in the table."""
    request: dict[str, Any] = {
        "TableName": deployment.table,
        "ProjectionExpression": "OrderID",
        "ExpressionAttributeValues": {":customer": {"S": customer_id}},
    }
    if deployment.customer_index:
        pages = deployment.cloud.dynamodb.get_paginator("query").paginate(
            IndexName=deployment.customer_index, KeyConditionExpression="CustomerID = :customer", **request
        )
    else:
        pages = deployment.cloud.dynamodb.get_paginator("scan").paginate(
            FilterExpression="CustomerID = :customer", ConsistentRead=True, **request
        )
    with translate_errors(f"cannot read table {deployment.table}"):
        for page in pages:
            for item in page["Items"]:
                yield item["OrderID"]["S"]


def delete_items(deployment: Deployment, customer_id: str, order_ids: Iterable[str]) -> int:
    """Delete those orders that belong to this customer; return how many were deleted."""
    client = deployment.cloud.dynamodb

    def delete(order_id: str) -> bool:
        with translate_errors(f"cannot delete an order of table {deployment.table}"):
            try:
                client.delete_item(
                    TableName=deployment.table,
                    Key={"OrderID": {"S": order_id}},
                    ConditionExpression="CustomerID = :customer",
                    ExpressionAttributeValues={":customer": {"S": customer_id}},
                )
            except client.exceptions.ConditionalCheckFailedException:
                return False
        return True

    with ThreadPoolExecutor(MOST_THREADS) as threads:
        return sum(threads.map(delete, order_ids))
