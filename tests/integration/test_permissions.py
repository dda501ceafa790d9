"""Each role can do its work and is refused all else, where signatures are checked and policies evaluated."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orderstream.domain.decode import decode
from orderstream.domain.object_keys import (
    COMPACTED,
    DISCARDED,
    ERASURES,
    LOCKS,
    MANIFESTS,
    ORDERS,
    QUARANTINE,
    REDRIVEN,
    RESUBMITTED,
)
from orderstream.local.cloud import LocalCloud
from orderstream.local.demo import DemoResult
from orderstream.pipeline.archive import BatchArchive
from orderstream.pipeline.services import S3Store
from orderstream.storage import stream
from tests.integration.archive_harness import record
from tests.integration.calls import (
    EVENT_KEY,
    FOREIGN,
    INSERT,
    INSERT_DELIVERY,
    INSERT_EVENT,
    METRIC,
    discarded,
    fresh,
    log_of,
    partiql,
    put,
    query,
    s3,
    update,
)
from tests.integration.pipeline_harness import give_up
from tests.integration.probes import Call, by_role, by_user, make_probe, make_user
from tests.integration.reconciliation import order

PREFIXES = (ORDERS, QUARANTINE, COMPACTED, MANIFESTS, LOCKS, DISCARDED, ERASURES, RESUBMITTED, REDRIVEN)
FUNCTIONS = (
    "ProcessOrders",
    "MaintainArchive",
    "OrdersApi",
    "Canary",
    "CheckPending",
    "PublishChanges",
    "UpdateTotals",
    "QueueDeliveries",
    "SendDeliveries",
)
# Of all calls that are tried, those that each function needs for its work.
ALLOWED = {
    "ProcessOrders": {
        "DescribeStream",
        "DescribeStreamSummary",
        "ListShards",
        "GetShardIterator",
        "GetRecords",
        "INSERT",
        "INSERT an event",
        "PartiQL UPDATE",
        "BatchGetItem",
        "find events",
        f"read {ORDERS}",
        f"write {ORDERS} once",
        f"write {QUARANTINE} once",
        "list the archive",
        # Lambda asks whether the role may, before it makes the mapping.
        "list discarded batches",
    },
    "MaintainArchive": {
        *(f"read {prefix}" for prefix in (ORDERS, QUARANTINE, COMPACTED, MANIFESTS, LOCKS)),
        *(f"write {prefix}" for prefix in (COMPACTED, LOCKS)),
        *(f"write {prefix} once" for prefix in (COMPACTED, LOCKS, MANIFESTS)),
        *(f"delete {prefix}" for prefix in (ORDERS, COMPACTED, LOCKS)),
        "delete many",
        "list the archive",
        "list discarded batches",
        "read a discarded batch",
        "GetMetricStatistics",
    },
    "OrdersApi": {
        "PutRecords",
        "GetItem",
        "BatchGetItem",
        "Query",
        "find events",
        f"read {ORDERS}",
        f"read {COMPACTED}",
        "list the archive",
        "DescribeAlarms",
    },
    "Canary": {"PutRecord", "GetItem"},
    "CheckPending": {"find the oldest"},
    "ChangesToBus": {
        "DescribeStream of changes",
        "DescribeStreamSummary of changes",
        "ListShards of changes",
        "GetShardIterator of changes",
        "GetRecords of changes",
        "PutEvents",
        "send to the dead-letter queue",
    },
    "PublishChanges": {
        "DescribeStream of the table",
        "GetShardIterator of the table",
        "GetRecords of the table",
        "ListStreams",
        "find events",
        "PutRecords of changes",
    },
    "UpdateTotals": {
        "DescribeStream of the table",
        "GetShardIterator of the table",
        "GetRecords of the table",
        "ListStreams",
        "read totals",
        "write totals",
    },
    "QueueDeliveries": {
        "DescribeStream of changes",
        "DescribeStreamSummary of changes",
        "ListShards of changes",
        "GetShardIterator of changes",
        "GetRecords of changes",
        "list webhooks",
        "INSERT a delivery",
        "find deliveries",
        "find what is due",
        "find what failed",
        "update a delivery",
        "start a sender",
    },
    "SendDeliveries": {
        "read a webhook",
        "update a webhook",
        "find deliveries",
        "find what is due",
        "update a delivery",
        "read a secret",
    },
}


@pytest.fixture
def objects(guarded: LocalCloud) -> Iterator[dict[str, str]]:
    """A key with an object under every prefix. What was probed goes again."""
    client = guarded.cloud.s3
    keys = {prefix: f"{prefix}probe/there" for prefix in PREFIXES}
    buckets = guarded.deployment.bucket, guarded.deployment.discarded_bucket
    for key in keys.values():
        client.put_object(Bucket=buckets[0], Key=key, Body=b"there")
    client.put_object(Bucket=buckets[1], Key=keys[DISCARDED], Body=b"there")
    yield keys
    for name in buckets:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            for found in page.get("Contents", []):
                if "probe/" in found["Key"]:
                    client.delete_object(Bucket=name, Key=found["Key"])


@pytest.fixture
def calls(guarded: LocalCloud, objects: dict[str, str]) -> dict[str, Call]:
    """All calls that are tried."""
    of_stream = {"StreamName": "OrderStream"}
    shard = {"ShardId": guarded.cloud.kinesis.list_shards(StreamName="OrderStream")["Shards"][0]["ShardId"]}
    place: Any = of_stream | shard | {"ShardIteratorType": "TRIM_HORIZON"}
    iterator = {"ShardIterator": guarded.cloud.kinesis.get_shard_iterator(**place)["ShardIterator"]}
    streams = guarded.cloud.dynamodb_streams
    described = guarded.cloud.dynamodb.describe_table(TableName="Orders")["Table"]
    of_table = {"StreamArn": described["LatestStreamArn"]}
    (first, *_) = streams.describe_stream(**of_table)["StreamDescription"]["Shards"]
    table_place = of_table | {"ShardId": first["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    table_iterator = {"ShardIterator": streams.get_shard_iterator(**table_place)["ShardIterator"]}
    records = {"Records": [{"Data": "x", "PartitionKey": "k"}]}
    of_changes = {"StreamName": "OrderChanges"}
    (first_of_changes, *_) = guarded.cloud.kinesis.list_shards(StreamName="OrderChanges")["Shards"]
    of_changes_place: Any = of_changes | {"ShardId": first_of_changes["ShardId"]}
    of_changes_place |= {"ShardIteratorType": "TRIM_HORIZON"}
    of_changes_iterator = guarded.cloud.kinesis.get_shard_iterator(**of_changes_place)["ShardIterator"]
    entry = {"Source": "probe", "DetailType": "probe", "Detail": "{}"}
    queue = guarded.cloud.cloudformation.describe_stack_resource(
        StackName=guarded.deployment.name, LogicalResourceId="UndeliveredChanges"
    )["StackResourceDetail"]["PhysicalResourceId"]
    elsewhere = guarded.cloud.sqs.create_queue(QueueName="another")["QueueUrl"]
    webhook = {"WebhookID": {"S": "probe"}}
    secrets = "orderstream/orderstream/webhooks/probe", "somebody-elses/probe"
    for name in secrets:
        if not guarded.cloud.secrets.list_secrets(Filters=[{"Key": "name", "Values": [name]}])["SecretList"]:
            guarded.cloud.secrets.create_secret(Name=name, SecretString="x")
    item = {"RequestItems": {"Orders": {"Keys": [{"OrderID": {"S": "probe"}}], "ConsistentRead": True}}}
    there = objects[ORDERS]
    total = {"PK": {"S": "probe"}, "SK": {"S": "probe"}}
    of_totals = {"TableName": "Totals"}
    actions: list[dict[str, Any]] = [
        {"Put": of_totals | {"Item": total}},
        {"Update": of_totals | {"Key": total | {"SK": {"S": "2"}}, "UpdateExpression": "REMOVE Orders"}},
        {"Delete": of_totals | {"Key": total | {"SK": {"S": "3"}}}},
    ]
    found: dict[str, Call] = FOREIGN | {
        "DescribeStream": ("kinesis", "DescribeStream", of_stream),
        "DescribeStreamSummary": ("kinesis", "DescribeStreamSummary", of_stream),
        "ListShards": ("kinesis", "ListShards", of_stream),
        "GetShardIterator": ("kinesis", "GetShardIterator", place),
        "GetRecords": ("kinesis", "GetRecords", iterator),
        "PutRecords": ("kinesis", "PutRecords", of_stream | records),
        "PutRecords elsewhere": ("kinesis", "PutRecords", {"StreamName": "Another"} | records),
        "PutRecords of changes": ("kinesis", "PutRecords", of_changes | records),
        "DescribeStream of changes": ("kinesis", "DescribeStream", of_changes),
        "DescribeStreamSummary of changes": ("kinesis", "DescribeStreamSummary", of_changes),
        "ListShards of changes": ("kinesis", "ListShards", of_changes),
        "GetShardIterator of changes": ("kinesis", "GetShardIterator", of_changes_place),
        "GetRecords of changes": ("kinesis", "GetRecords", {"ShardIterator": of_changes_iterator}),
        "PutEvents": ("events", "PutEvents", {"Entries": [entry]}),
        "PutEvents elsewhere": ("events", "PutEvents", {"Entries": [entry | {"EventBusName": "another"}]}),
        "send to the dead-letter queue": ("sqs", "SendMessage", {"QueueUrl": queue, "MessageBody": "x"}),
        "send to a queue": ("sqs", "SendMessage", {"QueueUrl": elsewhere, "MessageBody": "x"}),
        "DescribeStream of the table": ("dynamodbstreams", "DescribeStream", of_table),
        "GetShardIterator of the table": ("dynamodbstreams", "GetShardIterator", table_place),
        "GetRecords of the table": ("dynamodbstreams", "GetRecords", table_iterator),
        "ListStreams": ("dynamodbstreams", "ListStreams", {"TableName": "Orders"}),
        "list webhooks": ("dynamodb", "Scan", {"TableName": "WebhookEndpoints"}),
        "read a webhook": ("dynamodb", "GetItem", {"TableName": "WebhookEndpoints", "Key": webhook}),
        "update a webhook": update("WebhookEndpoints", webhook),
        "remove a webhook": ("dynamodb", "DeleteItem", {"TableName": "WebhookEndpoints", "Key": webhook}),
        "INSERT a delivery": partiql(INSERT_DELIVERY),
        "find deliveries": query("WebhookDeliveries", "WebhookID"),
        "find what is due": query("WebhookDeliveries", "WebhookID", "ByDue"),
        "find what failed": query("WebhookDeliveries", "Failing", "ByFailure"),
        "update a delivery": update("WebhookDeliveries", webhook | {"DeliveryKey": {"S": "probe"}}),
        "start a sender": (
            "lambda",
            "Invoke",
            {"FunctionName": "SendDeliveries", "InvocationType": "DryRun"},
        ),
        "start another function": (
            "lambda",
            "Invoke",
            {"FunctionName": "Canary", "InvocationType": "DryRun"},
        ),
        "read a secret": ("secretsmanager", "GetSecretValue", {"SecretId": secrets[0]}),
        "read another secret": ("secretsmanager", "GetSecretValue", {"SecretId": secrets[1]}),
        "change a secret": (
            "secretsmanager",
            "PutSecretValue",
            {"SecretId": secrets[0], "SecretString": "x"},
        ),
        "INSERT": partiql(INSERT),
        "INSERT an event": partiql(INSERT_EVENT),
        "UPDATE an event": partiql(f"""UPDATE "OrderEvents" SET Event = 'x' WHERE {EVENT_KEY}"""),
        "DELETE an event": partiql(f"""DELETE FROM "OrderEvents" WHERE {EVENT_KEY}"""),
        "find events": query("OrderEvents", "OrderID"),
        "find the oldest": query("Orders", "Pending", "ByPending"),
        "BatchGetItem": ("dynamodb", "BatchGetItem", item),
        "read totals": ("dynamodb", "BatchGetItem", {"RequestItems": {"Totals": {"Keys": [total]}}}),
        "find totals": query("Totals", "PK"),
        "write totals": ("dynamodb", "TransactWriteItems", {"TransactItems": actions}),
        "scan the index": ("dynamodb", "Scan", {"TableName": "Orders", "IndexName": "ByCustomer"}),
        "list the archive": s3("ListObjectsV2"),
        "overwrite by copy": s3("CopyObject", there, CopySource=f"order-data-archive/{there}"),
        "overwrite by upload in parts": s3("CreateMultipartUpload", there),
        "delete many": s3("DeleteObjects", Delete={"Objects": [{"Key": fresh(ORDERS)}]}),
        "list discarded batches": discarded("ListObjectsV2"),
        "read a discarded batch": discarded("GetObject", objects[DISCARDED]),
        "GetMetricStatistics": METRIC,
        "DescribeAlarms": ("cloudwatch", "DescribeAlarms", {"AlarmNamePrefix": "orderstream-"}),
        "silence an alarm": ("cloudwatch", "DeleteAlarms", {"AlarmNames": ["orderstream-data-loss"]}),
    }
    for prefix in PREFIXES:
        found[f"read {prefix}"] = s3("GetObject", objects[prefix])
        found[f"write {prefix}"] = put(fresh(prefix))
        found[f"write {prefix} once"] = put(fresh(prefix), IfNoneMatch="*")
        found[f"delete {prefix}"] = s3("DeleteObject", fresh(prefix))
    for function in FUNCTIONS:
        found |= {f"{function}: {name}": call for name, call in log_of(function).items()}
    return found


def test_the_demo_accounts_for_every_record_under_the_deployed_policies(
    demonstrated: tuple[LocalCloud, DemoResult],
) -> None:
    _, outcome = demonstrated
    assert outcome.agrees, outcome.reconciliation


@pytest.mark.parametrize("function", ALLOWED)
def test_a_function_or_pipe_may_do_its_work_and_is_refused_every_other_call(
    guarded: LocalCloud, calls: dict[str, Call], function: str
) -> None:
    outcomes = by_role(guarded, make_probe(guarded, f"{function}Role"), calls)
    allowed = {name for name, outcome in outcomes.items() if outcome == "allowed"}
    log = {f"{function}: {name}" for name in ("CreateLogStream", "PutLogEvents")}
    assert allowed == ALLOWED[function] | (log if function in FUNCTIONS else set())
    assert set(outcomes.values()) == {"allowed", "refused"}


@pytest.mark.usefixtures("objects")
def test_lambda_itself_may_leave_a_batch_with_the_functions_role(guarded: LocalCloud) -> None:
    found = guarded.cloud.cloudformation.describe_stack_resource(
        StackName=guarded.deployment.name, LogicalResourceId="ProcessOrdersRole"
    )
    name = found["StackResourceDetail"]["PhysicalResourceId"]
    policy = guarded.cloud.client("iam").get_role_policy(RoleName=name, PolicyName="ProcessOrders")
    # Somebody with the role's policy who is no function, as Lambda is when it leaves a batch.
    keys = make_user(guarded, f"lambda-{uuid.uuid4().hex[:8]}", json.dumps(policy["PolicyDocument"]))
    # Before it makes the mapping, Lambda asks whether the role may write, and says nowhere to which key.
    calls = [discarded("PutObject", fresh(prefix), Body="discarded") for prefix in (DISCARDED, "else/", "")]
    assert by_user(guarded, keys, [*calls, discarded("ListObjectsV2")]) == ["allowed"] * 4
    elsewhere = [put(fresh(prefix)) for prefix in (COMPACTED, DISCARDED)]
    assert by_user(guarded, keys, elsewhere) == ["refused"] * 2


def test_nobody_writes_evidence_twice_or_removes_a_manifest(
    guarded: LocalCloud, objects: dict[str, str]
) -> None:
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    keys = make_user(guarded, f"all-of-s3-{uuid.uuid4().hex[:8]}", policy)
    for prefix in (MANIFESTS, ERASURES, RESUBMITTED, REDRIVEN):
        there = objects[prefix]
        source = f"order-data-archive/{objects[ORDERS]}"
        calls = [
            put(fresh(prefix), IfNoneMatch="*"),
            put(there, IfNoneMatch="*"),
            put(there),
            put(fresh(prefix)),
            s3("CopyObject", there, CopySource=source),
            s3("CreateMultipartUpload", there),
        ]
        outcomes = by_user(guarded, keys, calls)
        assert outcomes == ["allowed", "PreconditionFailed", *["refused"] * 4], prefix
    manifest = objects[MANIFESTS]
    removals = [s3("DeleteObject", manifest), s3("DeleteObject", manifest, VersionId="null")]
    removals.append(s3("DeleteObject", objects[REDRIVEN]))
    assert by_user(guarded, keys, removals) == ["refused", "refused", "allowed"]


def invoked(local: LocalCloud, function: str) -> Any:
    answer = local.cloud.lambda_.invoke(FunctionName=function, Payload=b"{}")
    said = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    return said


def test_the_maintenance_function_does_its_round_with_its_own_role(guarded: LocalCloud) -> None:
    yesterday = datetime.now(UTC).replace(minute=0) - timedelta(days=1)
    store = BatchArchive(S3Store(guarded.cloud.s3, guarded.deployment.bucket))
    for number in range(2):
        one = record(number, order(uuid.uuid4().hex), at=yesterday)
        store.write([one], [decode(one.data)])
    # That the function got further shows only what is over itself: the demo's own hour may just have begun.
    later = record(2, order(uuid.uuid4().hex), at=yesterday + timedelta(hours=1))
    store.write([later], [decode(later.data)])
    said = invoked(guarded, "MaintainArchive")
    assert said["sealed"] and (said["compacted"], said["objects_before"], said["problems"]) == (1, 2, 0)
    # What comes late is known by the batch that Lambda discarded.
    one = record(3, order(uuid.uuid4().hex), at=yesterday)
    give_up(guarded.deployment, [one])
    store.write([one], [decode(one.data)])
    said = invoked(guarded, "MaintainArchive")
    assert (said["sealed"], said["late"], said["problems"]) == (1, 0, 0)


def test_what_waits_is_measured_by_a_role_of_its_own(guarded: LocalCloud) -> None:
    before = invoked(guarded, "CheckPending")
    since = (datetime.now(UTC) - timedelta(minutes=3)).isoformat()
    item = {"OrderID": "never-arrives", "Pending": "order", "PendingSince": since}
    row = {name: {"S": value} for name, value in item.items()}
    guarded.cloud.dynamodb.put_item(TableName=guarded.deployment.table, Item=row)
    try:
        found = invoked(guarded, "CheckPending")
        assert found["EventsWaitingAge"] >= max(180, before.get("EventsWaitingAge", 0))
    finally:
        key = {"OrderID": row["OrderID"]}
        guarded.cloud.dynamodb.delete_item(TableName=guarded.deployment.table, Key=key)


def test_the_canary_flies_with_its_own_role(guarded: LocalCloud) -> None:
    sent = invoked(guarded, "Canary")["order_id"]
    streamed = [record.data for record in stream.records(guarded.deployment)]
    assert [data for data in streamed if sent.encode() in data]
