"""Calls of AWS that a role or a user may be asked to make; FOREIGN are those that no function needs."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from orderstream.domain.object_keys import DISCARDED, ERASURES, ORDERS, RESUBMITTED
from orderstream.local.cloud import ACCOUNT, REGION
from tests.integration.probes import Call

# As the template names it for the local cloud.
DISCARDED_BUCKET = f"order-data-discarded-{ACCOUNT}-{REGION}-an"

INSERT = """INSERT INTO "Orders" VALUE {'OrderID': 'probe', 'CustomerID': 'c', 'OrderDate': '2026'}"""


EVENT_KEY = "OrderID = 'probe' AND Position = 'p'"
INSERT_EVENT = """INSERT INTO "OrderEvents" VALUE {'OrderID': 'probe', 'Position': 'p'}"""


INSERT_DELIVERY = """INSERT INTO "WebhookDeliveries" VALUE {'WebhookID': 'probe', 'DeliveryKey': 'p'}"""


def update(table: str, key: dict[str, Any]) -> Call:
    """An update that changes nothing."""
    return "dynamodb", "UpdateItem", {"TableName": table, "Key": key}


def partiql(*statements: str) -> Call:
    return "dynamodb", "BatchExecuteStatement", {"Statements": [{"Statement": one} for one in statements]}


def query(table: str, attribute: str, index: str = "") -> Call:
    """A query of a table, or of an index of it, by its partition key."""
    place = {"TableName": table} | ({"IndexName": index} if index else {})
    found = {
        "KeyConditionExpression": f"{attribute} = :key",
        "ExpressionAttributeValues": {":key": {"S": "probe"}},
    }
    return "dynamodb", "Query", place | found


def s3(operation: str, key: str = "", **arguments: Any) -> Call:
    place = {"Bucket": "order-data-archive"} | ({"Key": key} if key else {})
    return "s3", operation, place | arguments


def discarded(operation: str, key: str = "", **arguments: Any) -> Call:
    """A call on the bucket of discarded batches."""
    return s3(operation, key, Bucket=DISCARDED_BUCKET, **arguments)


def put(key: str, **arguments: Any) -> Call:
    return s3("PutObject", key, Body="probe", **arguments)


def fresh(prefix: str) -> str:
    return f"{prefix}probe/{uuid.uuid4().hex}"


def log_of(function: str) -> dict[str, Call]:
    place = {"logGroupName": f"/aws/lambda/{function}", "logStreamName": f"probe-{uuid.uuid4().hex}"}
    now = int(datetime.now(UTC).timestamp() * 1000)
    return {
        "CreateLogStream": ("logs", "CreateLogStream", place),
        "PutLogEvents": (
            "logs",
            "PutLogEvents",
            place | {"logEvents": [{"timestamp": now, "message": "probe"}]},
        ),
    }


METRIC: Call = (
    "cloudwatch",
    "GetMetricStatistics",
    {
        "Namespace": "AWS/Lambda",
        "MetricName": "IteratorAge",
        "StartTime": "2026-11-22T00:00:00Z",
        "EndTime": "2026-11-22T01:00:00Z",
        "Period": 3600,
        "Statistics": ["Maximum"],
    },
)


# What neither function has any business with.
FOREIGN: dict[str, Call] = {
    "PutRecord": ("kinesis", "PutRecord", {"StreamName": "OrderStream", "Data": "x", "PartitionKey": "k"}),
    "DeleteStream": ("kinesis", "DeleteStream", {"StreamName": "OrderStream"}),
    "another stream": ("kinesis", "DescribeStreamSummary", {"StreamName": "Another"}),
    "Scan": ("dynamodb", "Scan", {"TableName": "Orders"}),
    "Query": query("Orders", "CustomerID", "ByCustomer"),
    "GetItem": ("dynamodb", "GetItem", {"TableName": "Orders", "Key": {"OrderID": {"S": "probe"}}}),
    "PutItem": ("dynamodb", "PutItem", {"TableName": "Orders", "Item": {"OrderID": {"S": "probe"}}}),
    "UpdateItem": (
        "dynamodb",
        "UpdateItem",
        {
            "TableName": "Orders",
            "Key": {"OrderID": {"S": "probe"}},
            "UpdateExpression": "SET #s = :s",
            "ExpressionAttributeNames": {"#s": "Status"},
            "ExpressionAttributeValues": {":s": {"S": "x"}},
        },
    ),
    "DeleteItem": ("dynamodb", "DeleteItem", {"TableName": "Orders", "Key": {"OrderID": {"S": "probe"}}}),
    "BatchWriteItem": (
        "dynamodb",
        "BatchWriteItem",
        {"RequestItems": {"Orders": [{"DeleteRequest": {"Key": {"OrderID": {"S": "probe"}}}}]}},
    ),
    "TransactWriteItems": (
        "dynamodb",
        "TransactWriteItems",
        {"TransactItems": [{"Delete": {"TableName": "Orders", "Key": {"OrderID": {"S": "probe"}}}}]},
    ),
    "DeleteTable": ("dynamodb", "DeleteTable", {"TableName": "Orders"}),
    "PartiQL UPDATE": partiql("""UPDATE "Orders" SET Status = 'x from y' WHERE OrderID = 'probe'"""),
    "PartiQL DELETE": partiql("""DELETE FROM "Orders" WHERE OrderID = 'probe'"""),
    "PartiQL SELECT": partiql("""SELECT * FROM "Orders" WHERE OrderID = 'probe'"""),
    "DELETE after INSERT": partiql(INSERT, """DELETE FROM "Orders" WHERE OrderID = 'probe'"""),
    "INSERT elsewhere": partiql(INSERT.replace("Orders", "Others")),
    "ExecuteStatement": (
        "dynamodb",
        "ExecuteStatement",
        {"Statement": """DELETE FROM "Orders" WHERE OrderID = 'probe'"""},
    ),
    "another bucket": ("s3", "GetObject", {"Bucket": "somebody-elses", "Key": f"{ORDERS}a"}),
    "write to another bucket": (
        "s3",
        "PutObject",
        {"Bucket": "somebody-elses", "Key": f"{ORDERS}b", "Body": "x", "IfNoneMatch": "*"},
    ),
    "ListBuckets": ("s3", "ListBuckets", {}),
    "write anywhere": put("probe", IfNoneMatch="*"),
    f"write {ERASURES}": put(f"{ERASURES}probe", IfNoneMatch="*"),
    f"read {ERASURES}": s3("GetObject", f"{ERASURES}probe/there"),
    f"read {RESUBMITTED}": s3("GetObject", f"{RESUBMITTED}probe/there"),
    "write a discarded batch": discarded("PutObject", f"{DISCARDED}probe", Body="x"),
    "write it once": discarded("PutObject", f"{DISCARDED}probe/once", Body="x", IfNoneMatch="*"),
    "write beside discarded batches": discarded("PutObject", "probe", Body="x"),
    "delete a discarded batch": discarded("DeleteObject", f"{DISCARDED}probe/there"),
    "the policy of discarded batches": discarded("DeleteBucketPolicy"),
    "the lifecycle of discarded batches": discarded("DeleteBucketLifecycle"),
    "the bucket of discarded batches": discarded("DeleteBucket"),
    "DeleteObjectVersion": s3("DeleteObject", f"{ORDERS}probe/there", VersionId="null"),
    "read a version": s3("GetObject", f"{ORDERS}probe/there", VersionId="null"),
    "list versions": s3("ListObjectVersions"),
    "PutBucketPolicy": s3("PutBucketPolicy", Policy="{}"),
    "DeleteBucketPolicy": s3("DeleteBucketPolicy"),
    "GetBucketPolicy": s3("GetBucketPolicy"),
    "PutBucketVersioning": s3("PutBucketVersioning", VersioningConfiguration={"Status": "Suspended"}),
    "DeletePublicAccessBlock": s3("DeletePublicAccessBlock"),
    "DeleteBucketLifecycle": s3("DeleteBucketLifecycle"),
    "DeleteBucket": s3("DeleteBucket"),
    "PutObjectAcl": s3("PutObjectAcl", f"{ORDERS}probe/there", ACL="public-read"),
    "Invoke": ("lambda", "Invoke", {"FunctionName": "ProcessOrders"}),
    "UpdateFunctionCode": (
        "lambda",
        "UpdateFunctionCode",
        {"FunctionName": "ProcessOrders", "ZipFile": "x"},
    ),
    "GetFunction": ("lambda", "GetFunction", {"FunctionName": "ProcessOrders"}),
    "ListRoles": ("iam", "ListRoles", {}),
    "CreateUser": ("iam", "CreateUser", {"UserName": "probe"}),
    "DescribeStacks": ("cloudformation", "DescribeStacks", {"StackName": "orderstream"}),
    "DeleteStack": ("cloudformation", "DeleteStack", {"StackName": "orderstream"}),
    "ListKeys": ("kms", "ListKeys", {}),
    "ScheduleKeyDeletion": ("kms", "ScheduleKeyDeletion", {"KeyId": "probe"}),
    "AssumeRole": (
        "sts",
        "AssumeRole",
        {"RoleArn": "arn:aws:iam::000000000001:role/probe", "RoleSessionName": "probe"},
    ),
    "GetLogEvents": (
        "logs",
        "GetLogEvents",
        {"logGroupName": "/aws/lambda/ProcessOrders", "logStreamName": "probe"},
    ),
    "DeleteLogGroup": ("logs", "DeleteLogGroup", {"logGroupName": "/aws/lambda/ProcessOrders"}),
    "PutMetricData": (
        "cloudwatch",
        "PutMetricData",
        {"Namespace": "Orderstream", "MetricData": [{"MetricName": "Stored", "Value": 1}]},
    ),
    "GetSecretValue": ("secretsmanager", "GetSecretValue", {"SecretId": "probe"}),
}
