"""The buckets move, delete, lock and keep what their parameters say, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.domain.object_keys import DISCARDED, EVIDENCE
from tests.integration.deployed import bucket_properties, deploy

# Batches that were discarded before they had a bucket of their own among them.
KEPT_FOR_EVER = (*EVIDENCE, DISCARDED)
# As the rules are called.
KINDS = ("orders", "compacted", "quarantine")
ALWAYS: dict[str, dict[str, Any]] = {
    "unfinished-uploads": {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    # Renewed while somebody works on the archive.
    "locks-noncurrent-expire": {
        "ExpiredObjectDeleteMarker": True,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    },
}


def noncurrent(days: int) -> dict[str, dict[str, Any]]:
    action = {
        "ExpiredObjectDeleteMarker": True,
        "NoncurrentVersionExpiration": {"NoncurrentDays": days},
    }
    return {f"{prefix}-noncurrent-expire": action for prefix in KINDS}


def noncurrent_discarded(days: int) -> dict[str, dict[str, Any]]:
    return {"discarded-noncurrent-expire": noncurrent(days)["orders-noncurrent-expire"]}


def expire(days: int) -> dict[str, dict[str, Any]]:
    return {f"{prefix}-expire": {"ExpirationInDays": days} for prefix in KINDS}


def colder(*steps: tuple[str, int]) -> dict[str, dict[str, Any]]:
    transitions = [{"StorageClass": name, "TransitionInDays": days} for name, days in steps]
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
            noncurrent_discarded(7) | {"discarded-expire": {"ExpirationInDays": 90}},
        ),
    ],
)
def test_the_lifecycle_is_that_of_the_parameters_and_zero_days_are_never(
    cloud: AwsClients,
    parameters: dict[str, str],
    rules: dict[str, dict[str, Any]],
    discarded: dict[str, dict[str, Any]],
) -> None:
    deploy(cloud, **parameters)
    found = rules_of(cloud, "Archive")
    assert {rule["Id"]: actions_of(rule) for rule in found} == ALWAYS | rules
    assert len(found) == len(ALWAYS | rules)
    for rule in found:
        assert rule["Status"] == "Enabled"
        if rule["Id"] != "unfinished-uploads":
            assert rule["Prefix"] == rule["Id"].split("-")[0] + "/"
            assert not [key for key in KEPT_FOR_EVER if key.startswith(rule["Prefix"])]
            assert ("Transitions" in rule) == (rule.get("ObjectSizeGreaterThan") == 131072)

    found = rules_of(cloud, "DiscardedBatches")
    wanted = discarded | {"unfinished-uploads": ALWAYS["unfinished-uploads"]}
    assert {rule["Id"]: actions_of(rule) for rule in found} == wanted and len(found) == len(wanted)
    # Lambda chooses the keys.
    assert all((rule["Status"], rule.get("Prefix", "")) == ("Enabled", "") for rule in found)
    for name in ("Archive", "DiscardedBatches"):
        assert not [one for one in bucket_properties(cloud, name) if "Lock" in one]


def rules_of(cloud: AwsClients, name: str) -> Any:
    """The lifecycle rules of a bucket of the stack, as CloudFormation has them."""
    return with_numbers(bucket_properties(cloud, name)["LifecycleConfiguration"]["Rules"])


def with_numbers(value: Any) -> Any:
    """The value with its numbers as such: those of parameters are text."""
    if isinstance(value, dict):
        return {name: with_numbers(one) for name, one in value.items()}
    if isinstance(value, list):
        return [with_numbers(one) for one in value]
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def actions_of(rule: Any) -> dict[str, Any]:
    conditions = ("Id", "Status", "Prefix", "ObjectSizeGreaterThan")
    return {name: value for name, value in rule.items() if name not in conditions}


@pytest.mark.parametrize("days", ["29", "03", "month"])
def test_infrequent_access_before_the_30_days_that_s3_asks_for_is_refused(
    cloud: AwsClients, days: str
) -> None:
    with pytest.raises(ClientError, match="InfrequentAccessDays"):
        deploy(cloud, InfrequentAccessDays=days)


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_a_bucket_is_locked_as_the_parameters_say(cloud: AwsClients, mode: str) -> None:
    deploy(cloud, ObjectLockDays="10", **({} if mode == "GOVERNANCE" else {"ObjectLockMode": mode}))
    properties = with_numbers(bucket_properties(cloud))
    assert properties["ObjectLockEnabled"] is True
    assert properties["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": mode, "Days": 10}},
    }
