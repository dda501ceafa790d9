"""Each role can do its work and is refused all else, where signatures are checked and policies evaluated."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

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
from orderstream.local.cloud import REGION, LocalCloud
from orderstream.local.demo import DemoResult
from orderstream.pipeline.archive import BatchArchive
from orderstream.pipeline.services import S3Store
from orderstream.storage import stream
from tests.integration.archive_harness import record
from tests.integration.calls import FOREIGN, INSERT, METRIC, discarded, fresh, log_of, partiql, put, s3
from tests.integration.pipeline_harness import give_up
from tests.integration.probes import Call, administrator, by_role, by_user, make_probe, make_user
from tests.integration.reconciliation import order


@pytest.fixture
def objects(guarded: LocalCloud) -> Iterator[dict[str, str]]:
    """A key with an object under every prefix. What was probed goes again."""
    client = administrator(guarded, "s3")
    prefixes = (ORDERS, QUARANTINE, COMPACTED, MANIFESTS, LOCKS, DISCARDED, ERASURES)
    keys = {prefix: f"{prefix}probe/there" for prefix in (*prefixes, RESUBMITTED, REDRIVEN, "else/")}
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
def iterator(guarded: LocalCloud) -> str:
    """A place in the stream, to read from."""
    kinesis = guarded.cloud.kinesis
    shard = kinesis.list_shards(StreamName="OrderStream")["Shards"][0]["ShardId"]
    found = kinesis.get_shard_iterator(
        StreamName="OrderStream", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )
    return found["ShardIterator"]


def test_the_demo_accounts_for_every_record_under_the_deployed_policies(
    demonstrated: tuple[LocalCloud, DemoResult],
) -> None:
    _, outcome = demonstrated
    assert outcome.agrees, outcome.reconciliation


def test_the_function_may_read_insert_compare_and_write_once(
    guarded: LocalCloud, objects: dict[str, str], iterator: str
) -> None:
    where = {"StreamName": "OrderStream"}
    shard = {"ShardId": "shardId-000000000000", "ShardIteratorType": "LATEST"}
    item = {"RequestItems": {"Orders": {"Keys": [{"OrderID": {"S": "probe"}}], "ConsistentRead": True}}}
    calls: dict[str, Call] = {
        "DescribeStream": ("kinesis", "DescribeStream", where),
        "DescribeStreamSummary": ("kinesis", "DescribeStreamSummary", where),
        "ListShards": ("kinesis", "ListShards", where),
        "GetShardIterator": ("kinesis", "GetShardIterator", where | shard),
        "GetRecords": ("kinesis", "GetRecords", {"ShardIterator": iterator}),
        "INSERT": partiql(INSERT),
        "BatchGetItem": ("dynamodb", "BatchGetItem", item),
        "archive": put(fresh(ORDERS), IfNoneMatch="*"),
        "quarantine": put(fresh(QUARANTINE), IfNoneMatch="*"),
        "compare": s3("GetObject", objects[ORDERS]),
        "find": s3("ListObjectsV2"),
        "find discarded batches": discarded("ListObjectsV2"),
        **log_of("ProcessOrders"),
    }
    probe = make_probe(guarded, "ProcessOrdersRole")
    assert by_role(guarded, probe, calls) == dict.fromkeys(calls, "allowed")

    refused: dict[str, Call] = FOREIGN | {
        "overwrite the archive": put(objects[ORDERS]),
        "write the archive without the condition": put(fresh(ORDERS)),
        "write the quarantine without the condition": put(fresh(QUARANTINE)),
        "overwrite by copy": s3(
            "CopyObject", objects[ORDERS], CopySource=f"order-data-archive/{objects[ORDERS]}"
        ),
        "overwrite by upload in parts": s3("CreateMultipartUpload", objects[ORDERS]),
        "write where Lambda wrote before": put(fresh(DISCARDED)),
        "write it there once": put(fresh(DISCARDED), IfNoneMatch="*"),
        "read a discarded batch": discarded("GetObject", objects[DISCARDED]),
        "delete": s3("DeleteObject", objects[ORDERS]),
        "delete many": s3("DeleteObjects", Delete={"Objects": [{"Key": objects[ORDERS]}]}),
        "GetMetricStatistics": METRIC,
        "another function's log": log_of("MaintainArchive")["CreateLogStream"],
    }
    refused |= {f"write {prefix}": put(f"{prefix}x", IfNoneMatch="*") for prefix in (COMPACTED, MANIFESTS)}
    refused |= {
        f"read {prefix}": s3("GetObject", objects[prefix])
        for prefix in (QUARANTINE, COMPACTED, MANIFESTS, LOCKS, DISCARDED)
    }
    assert by_role(guarded, probe, refused) == dict.fromkeys(refused, "refused")
    # A key that is taken is refused by S3 itself: that is how the function finds out.
    taken = {"taken": put(objects[ORDERS], IfNoneMatch="*")}
    assert by_role(guarded, probe, taken) == {"taken": "PreconditionFailed"}


def test_lambda_itself_may_leave_a_batch_with_the_functions_role(guarded: LocalCloud) -> None:
    found = guarded.cloud.cloudformation.describe_stack_resource(
        StackName=guarded.deployment.name, LogicalResourceId="ProcessOrdersRole"
    )
    name = found["StackResourceDetail"]["PhysicalResourceId"]
    iam, sts = administrator(guarded, "iam"), administrator(guarded, "sts")
    # The role's own policy under a trust that lets somebody else than a function take it on.
    policy = iam.get_role_policy(RoleName=name, PolicyName="ProcessOrders")["PolicyDocument"]
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=f"lambda-{uuid.uuid4().hex[:8]}", AssumeRolePolicyDocument=document)
    iam.put_role_policy(
        RoleName=role["Role"]["RoleName"], PolicyName="ProcessOrders", PolicyDocument=json.dumps(policy)
    )
    session = sts.assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="lambda")["Credentials"]
    client = boto3.client(
        "s3",
        endpoint_url=guarded.endpoint_url,
        region_name=REGION,
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    # Before it makes the mapping, Lambda asks whether the role may write, and says nowhere to which key.
    for prefix in (DISCARDED, "else/", ""):
        key = fresh(prefix)
        client.put_object(Bucket=guarded.deployment.discarded_bucket, Key=key, Body=b"given up")
        guarded.cloud.s3.delete_object(Bucket=guarded.deployment.discarded_bucket, Key=key)
    client.list_objects_v2(Bucket=guarded.deployment.discarded_bucket)
    for prefix in (COMPACTED, DISCARDED):
        with pytest.raises(ClientError, match="AccessDenied"):
            client.put_object(Bucket=guarded.deployment.bucket, Key=fresh(prefix), Body=b"else")


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


def test_the_maintenance_function_may_read_the_archive_replace_small_objects_and_nothing_else(
    guarded: LocalCloud, objects: dict[str, str]
) -> None:
    readable = (ORDERS, QUARANTINE, COMPACTED, MANIFESTS, LOCKS)
    calls: dict[str, Call] = {f"read {prefix}": s3("GetObject", objects[prefix]) for prefix in readable}
    calls |= {f"write {prefix}": put(fresh(prefix)) for prefix in (COMPACTED, LOCKS)}
    calls[f"write {MANIFESTS}"] = put(fresh(MANIFESTS), IfNoneMatch="*")
    calls |= {f"remove {prefix}": s3("DeleteObject", fresh(prefix)) for prefix in (ORDERS, COMPACTED, LOCKS)}
    calls |= {"find": s3("ListObjectsV2"), "GetMetricStatistics": METRIC, **log_of("MaintainArchive")}
    calls["find discarded batches"] = discarded("ListObjectsV2")
    calls["read a discarded batch"] = discarded("GetObject", objects[DISCARDED])
    calls["remove many"] = s3("DeleteObjects", Delete={"Objects": [{"Key": fresh(ORDERS)}]})
    probe = make_probe(guarded, "MaintainArchiveRole")
    assert by_role(guarded, probe, calls) == dict.fromkeys(calls, "allowed")

    refused: dict[str, Call] = FOREIGN | {
        "DescribeStreamSummary": ("kinesis", "DescribeStreamSummary", {"StreamName": "OrderStream"}),
        "INSERT": partiql(INSERT),
        "another function's log": log_of("ProcessOrders")["CreateLogStream"],
    }
    refused["read beside them"] = s3("GetObject", objects[DISCARDED])
    refused["overwrite a manifest"] = put(objects[MANIFESTS])
    refused["write a manifest without the condition"] = put(fresh(MANIFESTS))
    for prefix in (ORDERS, QUARANTINE, DISCARDED, RESUBMITTED, REDRIVEN):
        refused[f"write {prefix}"] = put(fresh(prefix))
    for prefix in (QUARANTINE, MANIFESTS, DISCARDED, ERASURES):
        refused[f"remove {prefix}"] = s3("DeleteObject", objects[prefix])
    assert by_role(guarded, probe, refused) == dict.fromkeys(refused, "refused")


def test_the_canary_may_send_its_order_look_for_it_and_nothing_else(
    guarded: LocalCloud, objects: dict[str, str]
) -> None:
    calls: dict[str, Call] = {name: FOREIGN[name] for name in ("PutRecord", "GetItem")} | log_of("Canary")
    probe = make_probe(guarded, "CanaryRole")
    assert by_role(guarded, probe, calls) == dict.fromkeys(calls, "allowed")

    refused: dict[str, Call] = {name: call for name, call in FOREIGN.items() if name not in calls}
    refused |= {
        "PutRecords": (
            "kinesis",
            "PutRecords",
            {"StreamName": "OrderStream", "Records": [{"Data": "x", "PartitionKey": "k"}]},
        ),
        "DescribeStreamSummary": ("kinesis", "DescribeStreamSummary", {"StreamName": "OrderStream"}),
        "INSERT": partiql(INSERT),
        "write the archive": put(fresh(ORDERS), IfNoneMatch="*"),
        "read the archive": s3("GetObject", objects[ORDERS]),
        "list the archive": s3("ListObjectsV2"),
        "read a discarded batch": discarded("GetObject", objects[DISCARDED]),
        "list discarded batches": discarded("ListObjectsV2"),
        "GetMetricStatistics": METRIC,
        "another function's log": log_of("ProcessOrders")["CreateLogStream"],
    }
    assert by_role(guarded, probe, refused) == dict.fromkeys(refused, "refused")


def test_the_api_may_put_orders_read_them_and_the_alarms_and_nothing_else(
    guarded: LocalCloud, objects: dict[str, str]
) -> None:
    calls: dict[str, Call] = {name: FOREIGN[name] for name in ("GetItem", "Query")} | log_of("OrdersApi")
    records = [{"Data": "x", "PartitionKey": "k"}]
    calls |= {
        "PutRecords": ("kinesis", "PutRecords", {"StreamName": "OrderStream", "Records": records}),
        "find": s3("ListObjectsV2"),
        "alarms": ("cloudwatch", "DescribeAlarms", {"AlarmNamePrefix": "orderstream-"}),
    }
    calls |= {f"read {prefix}": s3("GetObject", objects[prefix]) for prefix in (ORDERS, COMPACTED)}
    probe = make_probe(guarded, "OrdersApiRole")
    assert by_role(guarded, probe, calls) == dict.fromkeys(calls, "allowed")

    refused: dict[str, Call] = {name: call for name, call in FOREIGN.items() if name not in calls}
    refused |= {
        "PutRecords elsewhere": ("kinesis", "PutRecords", {"StreamName": "Another", "Records": records}),
        "DescribeStreamSummary": ("kinesis", "DescribeStreamSummary", {"StreamName": "OrderStream"}),
        "INSERT": partiql(INSERT),
        "scan the index": ("dynamodb", "Scan", {"TableName": "Orders", "IndexName": "ByCustomer"}),
        "write the archive": put(fresh(ORDERS), IfNoneMatch="*"),
        "read a discarded batch": discarded("GetObject", objects[DISCARDED]),
        "list discarded batches": discarded("ListObjectsV2"),
        "delete": s3("DeleteObject", objects[ORDERS]),
        "silence an alarm": ("cloudwatch", "DeleteAlarms", {"AlarmNames": ["orderstream-data-loss"]}),
        "GetMetricStatistics": METRIC,
        "another function's log": log_of("ProcessOrders")["CreateLogStream"],
    }
    for prefix in (QUARANTINE, MANIFESTS, DISCARDED, RESUBMITTED, REDRIVEN):
        refused[f"read {prefix}"] = s3("GetObject", objects[prefix])
    assert by_role(guarded, probe, refused) == dict.fromkeys(refused, "refused")


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


def test_the_canary_flies_with_its_own_role(guarded: LocalCloud) -> None:
    sent = invoked(guarded, "Canary")["order_id"]
    streamed = [record.data for record in stream.records(guarded.deployment)]
    assert [data for data in streamed if sent.encode() in data]
