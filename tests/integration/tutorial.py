"""The pipeline of the tutorial that makes everything by hand, under names of its own."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Mapping
from typing import Any

from orderstream.aws.clients import AwsClients

DATE = "2024-05-01T12:30:00.123456"


class Tutorial:
    """A table, a bucket and a stream as the tutorial has them made by hand, under names of their own."""

    def __init__(self, cloud: AwsClients) -> None:
        self.cloud = cloud
        unique = uuid.uuid4().hex[:12]
        self.table, self.bucket, self.stream = f"Old-{unique}", f"old-archive-{unique}", f"OldStream-{unique}"
        make_table(cloud, self.table, "OrderID")
        cloud.s3.create_bucket(Bucket=self.bucket)

    @property
    def options(self) -> list[str]:
        return ["--from-table", self.table, "--from-bucket", self.bucket]

    def make_stream(self) -> None:
        self.cloud.kinesis.create_stream(StreamName=self.stream, ShardCount=1)

    def put_record(self, document: dict[str, Any]) -> None:
        data = json.dumps(document).encode()
        self.cloud.kinesis.put_record(StreamName=self.stream, PartitionKey="k", Data=data)

    def make_mapping(self) -> str:
        """A function that reads the stream; returns the UUID of the mapping."""
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("f.py", "def handle(event, context):\n    return None\n")
        self.cloud.lambda_.create_function(
            FunctionName=self.stream,
            Runtime="python3.12",
            Role="arn:aws:iam::000000000000:role/none",
            Handler="f.handle",
            Code={"ZipFile": code.getvalue()},
        )
        stream = self.cloud.kinesis.describe_stream_summary(StreamName=self.stream)
        mapping = self.cloud.lambda_.create_event_source_mapping(
            FunctionName=self.stream,
            EventSourceArn=stream["StreamDescriptionSummary"]["StreamARN"],
            StartingPosition="TRIM_HORIZON",
        )
        return mapping["UUID"]

    def store(
        self, sent: dict[str, Any] | bytes | None, item: Mapping[str, Any] | None = None, order_id: str = ""
    ) -> str:
        """Store an order as the old function does: its JSON, and an item; either may be missing."""
        order_id = order_id or str(uuid.uuid4())
        if item is not None:
            self.cloud.dynamodb.put_item(TableName=self.table, Item={"OrderID": {"S": order_id}, **item})
        if sent is not None:
            body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
            self.cloud.s3.put_object(Bucket=self.bucket, Key=f"orders/{order_id}.json", Body=body)
        return order_id

    def items(self) -> list[Any]:
        pages = self.cloud.dynamodb.get_paginator("scan").paginate(TableName=self.table)
        return [item for page in pages for item in page["Items"]]

    def objects(self) -> list[str]:
        pages = self.cloud.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [entry["ETag"] for page in pages for entry in page.get("Contents", [])]


def make_table(cloud: AwsClients, name: str, key: str) -> None:
    cloud.dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def item_of(customer: str, amount: str, date: str | None = DATE, kind: str = "N") -> dict[str, Any]:
    return {"CustomerID": {"S": customer}, "OrderAmount": {kind: amount}} | (
        {"OrderDate": {"S": date}} if date else {}
    )


def customer() -> str:
    return f"customer-{uuid.uuid4().hex[:8]}"
