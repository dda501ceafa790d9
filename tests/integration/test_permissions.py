"""Each role can do its work and is refused all else, where signatures are checked and policies evaluated."""

from __future__ import annotations

import pytest

from orderstream.local.demo import run_demo, sample_traffic
from orderstream.local.laptop import Laptop
from tests.integration.calls import FOREIGN, INSERT, METRIC, fresh, log_of, partiql, put, s3
from tests.integration.probes import Call, administrator, by_role, make_probe


@pytest.fixture(scope="module")
def objects(guarded: Laptop) -> dict[str, str]:
    """A key with an object under every prefix, and one in another bucket."""
    client = administrator(guarded, "s3")
    client.create_bucket(Bucket="somebody-elses")
    client.put_object(Bucket="somebody-elses", Key="orders/a", Body=b"x")
    prefixes = ("orders/", "quarantine/", "compacted/", "manifests/", "locks/", "aws/lambda/", "erasures/")
    keys = {prefix: f"{prefix}probe/there" for prefix in (*prefixes, "resubmitted/", "redriven/", "else/")}
    for key in keys.values():
        client.put_object(Bucket=guarded.stack.bucket, Key=key, Body=b"there")
    return keys


@pytest.fixture(scope="module")
def iterator(guarded: Laptop) -> str:
    """A place in the stream, to read from."""
    kinesis = guarded.cloud.kinesis
    shard = kinesis.list_shards(StreamName="OrderStream")["Shards"][0]["ShardId"]
    found = kinesis.get_shard_iterator(
        StreamName="OrderStream", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )
    return found["ShardIterator"]


def test_the_demo_accounts_for_every_record_under_the_deployed_policies(guarded: Laptop) -> None:
    outcome = run_demo(guarded, sample_traffic(300), rate=600, progress=lambda archived, sent: None)
    assert outcome.agrees, outcome.report


def test_the_function_may_read_insert_compare_and_write_once(
    guarded: Laptop, objects: dict[str, str], iterator: str
) -> None:
    stream = {"StreamName": "OrderStream"}
    shard = {"ShardId": "shardId-000000000000", "ShardIteratorType": "LATEST"}
    item = {"RequestItems": {"Orders": {"Keys": [{"OrderID": {"S": "probe"}}], "ConsistentRead": True}}}
    calls: dict[str, Call] = {
        "DescribeStream": ("kinesis", "DescribeStream", stream),
        "DescribeStreamSummary": ("kinesis", "DescribeStreamSummary", stream),
        "ListShards": ("kinesis", "ListShards", stream),
        "GetShardIterator": ("kinesis", "GetShardIterator", stream | shard),
        "GetRecords": ("kinesis", "GetRecords", {"ShardIterator": iterator}),
        "INSERT": partiql(INSERT),
        "BatchGetItem": ("dynamodb", "BatchGetItem", item),
        "archive": put(fresh("orders/"), IfNoneMatch="*"),
        "quarantine": put(fresh("quarantine/"), IfNoneMatch="*"),
        # As AWS does it with this role, where it gives a batch up.
        "given up": put(fresh("aws/lambda/")),
        "compare": s3("GetObject", objects["orders/"]),
        "find": s3("ListObjectsV2"),
        **log_of("ProcessOrders"),
    }
    probe = make_probe(guarded, "ProcessOrdersRole")
    assert by_role(guarded, probe, calls) == dict.fromkeys(calls, "allowed")

    refused: dict[str, Call] = FOREIGN | {
        "overwrite the archive": put(objects["orders/"]),
        "write the archive without the condition": put(fresh("orders/")),
        "write the quarantine without the condition": put(fresh("quarantine/")),
        "overwrite by copy": s3(
            "CopyObject", objects["orders/"], CopySource=f"order-data-archive/{objects['orders/']}"
        ),
        "overwrite by upload in parts": s3("CreateMultipartUpload", objects["orders/"]),
        "delete": s3("DeleteObject", objects["orders/"]),
        "delete many": s3("DeleteObjects", Delete={"Objects": [{"Key": objects["orders/"]}]}),
        "GetMetricStatistics": METRIC,
        "another function's log": log_of("KeepArchive")["CreateLogStream"],
    }
    refused |= {
        f"write {prefix}": put(f"{prefix}x", IfNoneMatch="*") for prefix in ("compacted/", "manifests/")
    }
    refused |= {
        f"read {prefix}": s3("GetObject", objects[prefix])
        for prefix in ("quarantine/", "compacted/", "manifests/", "locks/", "aws/lambda/")
    }
    assert by_role(guarded, probe, refused) == dict.fromkeys(refused, "refused")
    # A key that is taken is refused by S3 itself: that is how the function finds out.
    taken = {"taken": put(objects["orders/"], IfNoneMatch="*")}
    assert by_role(guarded, probe, taken) == {"taken": "PreconditionFailed"}


def test_the_upkeep_may_read_the_archive_replace_small_objects_and_nothing_else(
    guarded: Laptop, objects: dict[str, str]
) -> None:
    readable = ("orders/", "quarantine/", "compacted/", "manifests/", "locks/", "aws/lambda/")
    calls: dict[str, Call] = {f"read {prefix}": s3("GetObject", objects[prefix]) for prefix in readable}
    calls |= {f"write {prefix}": put(fresh(prefix)) for prefix in ("compacted/", "manifests/", "locks/")}
    calls |= {
        f"remove {prefix}": s3("DeleteObject", fresh(prefix))
        for prefix in ("orders/", "compacted/", "locks/")
    }
    calls |= {"find": s3("ListObjectsV2"), "GetMetricStatistics": METRIC, **log_of("KeepArchive")}
    calls["remove many"] = s3("DeleteObjects", Delete={"Objects": [{"Key": fresh("orders/")}]})
    probe = make_probe(guarded, "KeepArchiveRole")
    assert by_role(guarded, probe, calls) == dict.fromkeys(calls, "allowed")

    refused: dict[str, Call] = FOREIGN | {
        "DescribeStreamSummary": ("kinesis", "DescribeStreamSummary", {"StreamName": "OrderStream"}),
        "INSERT": partiql(INSERT),
        "another function's log": log_of("ProcessOrders")["CreateLogStream"],
    }
    for prefix in ("orders/", "quarantine/", "aws/lambda/", "resubmitted/", "redriven/"):
        refused[f"write {prefix}"] = put(fresh(prefix))
    for prefix in ("quarantine/", "manifests/", "aws/lambda/", "erasures/"):
        refused[f"remove {prefix}"] = s3("DeleteObject", objects[prefix])
    assert by_role(guarded, probe, refused) == dict.fromkeys(refused, "refused")
