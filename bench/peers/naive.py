"""Peer (a), the tutorial's handler: one put_item and one put_object an order.

Mended only as far as it must be to work at all: the data is taken out of its base64, the amount is a Decimal,
and an order keeps its own id.
"""

import base64
import json
import os
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
s3 = boto3.client("s3")


def handle(event: dict[str, Any], context: Any) -> None:
    """Store each order, then archive it."""
    for record in event["Records"]:
        data = base64.b64decode(record["kinesis"]["data"])
        order = json.loads(data, parse_float=Decimal)
        order_id = order.get("order_id") or str(uuid.uuid4())
        table.put_item(
            Item={
                "OrderID": order_id,
                "CustomerID": order["customer_id"],
                "OrderAmount": Decimal(order["amount"]),
                "OrderDate": datetime.now(UTC).isoformat(),
            }
        )
        s3.put_object(
            Bucket=os.environ["ARCHIVE_BUCKET"],
            Key=f"{os.environ['ARCHIVE_PREFIX']}{order_id}.json",
            Body=data,
        )
