"""Peer (c): boto3's batch_writer and one object a batch; an order that is sent again overwrites."""

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
    """Archive the batch, then store it."""
    records = [base64.b64decode(record["kinesis"]["data"]) for record in event["Records"]]
    s3.put_object(
        Bucket=os.environ["ARCHIVE_BUCKET"],
        Key=os.environ["ARCHIVE_PREFIX"] + f"{context.aws_request_id}.json",
        Body=b"[" + b",".join(records) + b"]",
    )
    with table.batch_writer() as batch:
        for data in records:
            order = json.loads(data, parse_float=Decimal)
            batch.put_item(
                Item={
                    "OrderID": order.get("order_id") or str(uuid.uuid4()),
                    "CustomerID": order["customer_id"],
                    "OrderAmount": Decimal(order["amount"]),
                    "OrderDate": datetime.now(UTC).isoformat(),
                }
            )
