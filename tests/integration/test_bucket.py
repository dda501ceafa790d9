"""The buckets move, delete, lock and keep what their parameters say, and nothing else."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.domain.object_keys import DISCARDED, EVIDENCE, ORDERS, QUARANTINE
from tests.integration.deployed import bucket_properties, deploy

# Batches that were discarded before they had a bucket of their own among them.
KEPT_FOR_EVER = (*EVIDENCE, DISCARDED)
# As the rules are called.
KINDS = ("orders", "compacted", "quarantine")
ALWAYS: dict[str, dict[str, Any]] = {
    "unfinished-uploads": {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    # Renewed while somebody works on the archive.
    "locks-noncurrent-expire": {
        "Expiration": {"ExpiredObjectDeleteMarker": True},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    },
}


def noncurrent(days: int) -> dict[str, dict[str, Any]]:
    action = {
        "Expiration": {"ExpiredObjectDeleteMarker": True},
        "NoncurrentVersionExpiration": {"NoncurrentDays": days},
    }
    return {f"{prefix}-noncurrent-expire": action for prefix in KINDS}


def noncurrent_discarded(days: int) -> dict[str, dict[str, Any]]:
    return {"discarded-noncurrent-expire": noncurrent(days)["orders-noncurrent-expire"]}


def expire(days: int) -> dict[str, dict[str, Any]]:
    return {f"{prefix}-expire": {"Expiration": {"Days": days}} for prefix in KINDS}


def colder(*steps: tuple[str, int]) -> dict[str, dict[str, Any]]:
    transitions = [{"StorageClass": name, "Days": days} for name, days in steps]
    return {f"{prefix}-to-colder-storage": {"Transitions": transitions} for prefix in KINDS[:2]}


@pytest.mark.parametrize(
    ("parameters", "rules", "discarded"),
    [
        ({}, noncurrent(30), noncurrent_discarded(30)),
        ({"NoncurrentDays": "0"}, {}, {}),
        (
            {"InfrequentAccessDays": "30"},
            noncurrent(30) | colder(("STANDARD_IA", 30)),
            noncurrent_discarded(30),
        ),
        # The archive's age is none of the discarded batches'.
        (
            {"GlacierDays": "90", "ArchiveExpiryDays": "3650"},
            noncurrent(30) | expire(3650) | colder(("GLACIER_IR", 90)),
            noncurrent_discarded(30),
        ),
        (
            {
                "InfrequentAccessDays": "60",
                "GlacierDays": "180",
                "NoncurrentDays": "7",
                "DiscardedExpiryDays": "90",
            },
            noncurrent(7) | colder(("STANDARD_IA", 60), ("GLACIER_IR", 180)),
            noncurrent_discarded(7) | {"discarded-expire": {"Expiration": {"Days": 90}}},
        ),
    ],
)
def test_the_lifecycle_is_that_of_the_parameters_and_zero_days_are_never(
    cloud: AwsClients,
    parameters: dict[str, str],
    rules: dict[str, dict[str, Any]],
    discarded: dict[str, dict[str, Any]],
) -> None:
    deployment = deploy(cloud, **parameters)
    found = rules_of(cloud, "Archive", deployment.bucket)
    assert {rule["ID"]: actions_of(rule) for rule in found} == ALWAYS | rules
    assert len(found) == len(ALWAYS | rules)
    for rule in found:
        assert rule["Status"] == "Enabled"
        if rule["ID"] != "unfinished-uploads":
            where: Any = rule["Filter"].get("And", rule["Filter"])
            assert where["Prefix"] == rule["ID"].split("-")[0] + "/"
            assert not [key for key in KEPT_FOR_EVER if key.startswith(where["Prefix"])]
            assert ("Transitions" in rule) == (where.get("ObjectSizeGreaterThan") == 131072)

    found = rules_of(cloud, "DiscardedBatches", deployment.discarded_bucket)
    wanted = discarded | {"unfinished-uploads": ALWAYS["unfinished-uploads"]}
    assert {rule["ID"]: actions_of(rule) for rule in found} == wanted and len(found) == len(wanted)
    # Lambda chooses the keys.
    assert all((rule["Status"], rule["Filter"]) == ("Enabled", {"Prefix": ""}) for rule in found)
    for name in ("Archive", "DiscardedBatches"):
        assert not [one for one in bucket_properties(cloud, name) if "Lock" in one]


def rules_of(cloud: AwsClients, name: str, bucket: str) -> Any:
    """The lifecycle rules of a bucket of the stack, as S3 takes them and tells them again."""
    wanted = bucket_properties(cloud, name)["LifecycleConfiguration"]["Rules"]
    # What CloudFormation does on AWS. S3 has a say then, though MiniStack's knows not every rule about rules.
    cloud.s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [as_s3_says(rule) for rule in wanted]}
    )
    return cloud.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]


def as_s3_says(rule: dict[str, Any]) -> Any:
    """A rule of CloudFormation's in the words of S3's API."""
    said: dict[str, Any] = {"ID": rule["Id"], "Status": rule["Status"]}
    said["Filter"] = {"Prefix": rule.get("Prefix", "")}
    if "ObjectSizeGreaterThan" in rule:
        larger = {"ObjectSizeGreaterThan": int(rule["ObjectSizeGreaterThan"])}
        said["Filter"] = {"And": said["Filter"] | larger}
    if "Transitions" in rule:
        said["Transitions"] = [
            {"StorageClass": step["StorageClass"], "Days": int(step["TransitionInDays"])}
            for step in rule["Transitions"]
        ]
    if "ExpirationInDays" in rule:
        said["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if "ExpiredObjectDeleteMarker" in rule:
        said["Expiration"] = {"ExpiredObjectDeleteMarker": rule["ExpiredObjectDeleteMarker"]}
    for name in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
        if name in rule:
            said[name] = {key: int(value) for key, value in rule[name].items()}
    return said


def actions_of(rule: Any) -> dict[str, Any]:
    return {name: value for name, value in rule.items() if name not in ("ID", "Status", "Filter")}


@pytest.mark.parametrize("days", ["29", "03", "month"])
def test_infrequent_access_before_the_30_days_that_s3_asks_for_is_refused(
    cloud: AwsClients, days: str
) -> None:
    with pytest.raises(ClientError, match="InfrequentAccessDays"):
        deploy(cloud, InfrequentAccessDays=days)


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_what_was_written_to_a_locked_bucket_can_be_covered_but_not_deleted(
    cloud: AwsClients, mode: str
) -> None:
    deploy(cloud, ObjectLockDays="10", **({} if mode == "GOVERNANCE" else {"ObjectLockMode": mode}))
    properties = bucket_properties(cloud)
    assert properties["ObjectLockEnabled"] is True
    # MiniStack's CloudFormation makes no lock, its S3 does.
    bucket = f"locked-{uuid.uuid4().hex}"
    cloud.s3.create_bucket(
        Bucket=bucket,
        ObjectLockEnabledForBucket=properties["ObjectLockEnabled"],
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
    )
    lock = properties["ObjectLockConfiguration"]
    lock["Rule"]["DefaultRetention"]["Days"] = int(lock["Rule"]["DefaultRetention"]["Days"])
    cloud.s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock)
    found = cloud.s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    assert found == {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": mode, "Days": 10}},
    }
    first = cloud.s3.put_object(Bucket=bucket, Key=f"{ORDERS}a", Body=b"first")["VersionId"]
    cloud.s3.put_object(Bucket=bucket, Key=f"{ORDERS}a", Body=b"second")
    assert cloud.s3.get_object(Bucket=bucket, Key=f"{ORDERS}a")["Body"].read() == b"second"
    with pytest.raises(ClientError, match="AccessDenied"):
        cloud.s3.delete_object(Bucket=bucket, Key=f"{ORDERS}a", VersionId=first)


def test_what_was_replaced_or_deleted_is_still_there_and_the_function_may_write_only_what_is_not(
    cloud: AwsClients,
) -> None:
    deployment = deploy(cloud)
    bucket = deployment.bucket
    cloud.s3.put_object(Bucket=bucket, Key=f"{ORDERS}a", Body=b"first")
    cloud.s3.put_object(Bucket=bucket, Key=f"{ORDERS}a", Body=b"second")
    cloud.s3.delete_object(Bucket=bucket, Key=f"{ORDERS}a")
    found = cloud.s3.list_object_versions(Bucket=bucket, Prefix=f"{ORDERS}a")
    bodies = {
        cloud.s3.get_object(Bucket=bucket, Key=f"{ORDERS}a", VersionId=version["VersionId"])["Body"].read()
        for version in found["Versions"]
    }
    assert bodies == {b"first", b"second"} and len(found["DeleteMarkers"]) == 1

    policy = json.loads(cloud.s3.get_bucket_policy(Bucket=deployment.bucket)["Policy"])
    (statement,) = (one for one in policy["Statement"] if one["Sid"] == "WriteOnce")
    role = cloud.lambda_.get_function_configuration(FunctionName=deployment.function)["Role"]
    assert statement == {
        "Sid": "WriteOnce",
        "Effect": "Deny",
        "Principal": {"AWS": role},
        "Action": "s3:PutObject",
        "Resource": [f"arn:aws:s3:::{deployment.bucket}/{prefix}*" for prefix in (ORDERS, QUARANTINE)],
        # "Null" is true of a request that says nothing of it.
        "Condition": {"Null": {"s3:if-none-match": "true"}},
    }
