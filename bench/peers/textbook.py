"""Peer (b), the textbook's handler: Powertools, Pydantic, a conditional put_item and an object an order."""

import os
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord
from botocore.exceptions import ClientError
from pydantic import BaseModel, Field


class Item(BaseModel):
    """One line of an order."""

    sku: str
    quantity: int = Field(gt=0)
    unit_price: Decimal = Field(ge=0)


class Order(BaseModel):
    """An order."""

    customer_id: str = Field(min_length=1)
    amount: Decimal = Field(gt=0)
    order_id: str = Field(default_factory=lambda: str(uuid.uuid4()))
    currency: str = "EUR"
    order_date: datetime = Field(default_factory=lambda: datetime.now(UTC))
    items: list[Item] = []


processor = BatchProcessor(event_type=EventType.KinesisDataStreams)
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
s3 = boto3.client("s3")


def record_handler(record: KinesisStreamRecord) -> None:
    """Check, archive and store one order."""
    data = record.kinesis.data_as_bytes()
    order = Order.model_validate_json(data)
    s3.put_object(
        Bucket=os.environ["ARCHIVE_BUCKET"],
        Key=f"{os.environ['ARCHIVE_PREFIX']}{order.order_id}.json",
        Body=data,
    )
    try:
        table.put_item(
            Item={
                "OrderID": order.order_id,
                "CustomerID": order.customer_id,
                "OrderAmount": order.amount,
                "OrderDate": order.order_date.isoformat(),
                "Currency": order.currency,
                "Items": [item.model_dump() for item in order.items],
            },
            ConditionExpression="attribute_not_exists(OrderID)",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


def handle(event: dict[str, Any], context: Any) -> Any:
    """Process a batch; what fails is reported one by one."""
    return process_partial_response(
        event=event, record_handler=record_handler, processor=processor, context=context
    )
