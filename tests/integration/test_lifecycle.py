"""What happens to objects with the years: S3 takes the template's rules, and they are what is meant."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from orderstream.local.laptop import Laptop
from orderstream.ops.artifact import TEMPLATE
from orderstream.ops.cloud import Cloud

DOCUMENT: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
NOTHING: dict[str, str] = {"Ref": "AWS::NoValue"}


class Resolved:
    """The template with parameters: the functions of CloudFormation that the bucket's properties use."""

    def __init__(self, **parameters: str) -> None:
        defaults = {name: str(one["Default"]) for name, one in DOCUMENT["Parameters"].items()}
        self._parameters = defaults | parameters

    def bucket(self, name: str) -> Any:
        """A property of the bucket."""
        return self._of(DOCUMENT["Resources"]["Archive"]["Properties"].get(name, NOTHING))

    def _of(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._of(one) for one in value if self._of(one) != NOTHING]
        if not isinstance(value, dict):
            return value
        if value == NOTHING:
            return value
        if "Ref" in value:
            return self._parameters[value["Ref"]]
        if "Fn::If" in value:
            condition, yes, no = value["Fn::If"]
            return self._of(yes if self._holds({"Condition": condition}) else no)
        found = {name: self._of(one) for name, one in value.items()}
        return {name: one for name, one in found.items() if one != NOTHING}

    def _holds(self, condition: dict[str, Any]) -> bool:
        ((function, operands),) = condition.items()
        if function == "Condition":
            return self._holds(DOCUMENT["Conditions"][operands])
        if function == "Fn::Equals":
            one, other = (str(self._of(operand)) for operand in operands)
            return one == other
        holds = [self._holds(operand) for operand in operands]
        return not holds[0] if function == "Fn::Not" else any(holds)


def as_s3_takes_it(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule of CloudFormation as one of S3's own API."""
    prefix, size = rule.get("Prefix", ""), rule.get("ObjectSizeGreaterThan")
    found: dict[str, Any] = {"ID": rule["Id"], "Status": rule["Status"]}
    found["Filter"] = {"Prefix": prefix}
    if size:
        found["Filter"] = {"And": {"Prefix": prefix, "ObjectSizeGreaterThan": int(size)}}
    if "Transitions" in rule:
        found["Transitions"] = [
            {"StorageClass": one["StorageClass"], "Days": int(one["TransitionInDays"])}
            for one in rule["Transitions"]
        ]
    if "ExpirationInDays" in rule:
        found["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if "ExpiredObjectDeleteMarker" in rule:
        found["Expiration"] = {"ExpiredObjectDeleteMarker": rule["ExpiredObjectDeleteMarker"]}
    if "NoncurrentVersionExpiration" in rule:
        days = int(rule["NoncurrentVersionExpiration"]["NoncurrentDays"])
        found["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    if "AbortIncompleteMultipartUpload" in rule:
        days = rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        found["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    return found


def rules(cloud: Cloud, **parameters: str) -> dict[str, dict[str, Any]]:
    """The rules of the bucket with these parameters, after S3 has taken them and given them back."""
    wanted = [as_s3_takes_it(one) for one in Resolved(**parameters).bucket("LifecycleConfiguration")["Rules"]]
    name = f"rules-{uuid.uuid4().hex}"
    cloud.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    cloud.s3.put_bucket_lifecycle_configuration(
        Bucket=name,
        LifecycleConfiguration={"Rules": wanted},  # type: ignore[typeddict-item]
    )
    found = cloud.s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert [one["ID"] for one in found] == [one["ID"] for one in wanted]
    return {one["ID"]: dict(one) for one in found}


def test_by_default_nothing_moves_or_goes_but_what_was_deleted_or_replaced(cloud: Cloud) -> None:
    found = rules(cloud)
    assert not any("Transitions" in rule or "Days" in rule.get("Expiration", {}) for rule in found.values())
    for prefix in ("orders", "compacted", "quarantine"):
        rule = found[f"{prefix}-noncurrent-expire"]
        assert (rule["Filter"], rule["NoncurrentVersionExpiration"]) == (
            {"Prefix": f"{prefix}/"},
            {"NoncurrentDays": 30},
        )
    assert found["unfinished-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    kept = rules(cloud, NoncurrentDays="0")
    assert sorted(kept) == ["locks-noncurrent-expire", "unfinished-uploads"]


def test_only_objects_above_the_minimum_size_go_to_colder_storage(cloud: Cloud) -> None:
    found = rules(cloud, InfrequentAccessDays="30", GlacierDays="90")
    for prefix in ("orders", "compacted"):
        rule = found[f"{prefix}-to-colder-storage"]
        assert rule["Filter"] == {"And": {"Prefix": f"{prefix}/", "ObjectSizeGreaterThan": 131072}}
        assert [(one["StorageClass"], one["Days"]) for one in rule["Transitions"]] == [
            ("STANDARD_IA", 30),
            # The one class of Glacier whose objects can be read at once.
            ("GLACIER_IR", 90),
        ]
    assert "quarantine-to-colder-storage" not in found
    only = rules(cloud, GlacierDays="90")["compacted-to-colder-storage"]["Transitions"]
    assert [one["StorageClass"] for one in only] == ["GLACIER_IR"]


def test_expiry_reaches_archive_and_quarantine_and_never_the_evidence(cloud: Cloud) -> None:
    found = rules(cloud, ArchiveExpiryDays="400", InfrequentAccessDays="30", GlacierDays="90")
    for prefix in ("orders", "compacted", "quarantine"):
        assert found[f"{prefix}-expire"]["Expiration"]["Days"] == 400
    for name, rule in found.items():
        where = rule["Filter"].get("And", rule["Filter"]).get("Prefix", "")
        assert where or name == "unfinished-uploads"
        assert not where.startswith(("manifests", "erasures"))


def test_object_lock_is_there_by_parameter_alone() -> None:
    assert Resolved().bucket("ObjectLockEnabled") == NOTHING
    locked = Resolved(ObjectLockDays="365", ObjectLockMode="COMPLIANCE")
    assert locked.bucket("ObjectLockEnabled") is True
    assert locked.bucket("ObjectLockConfiguration") == {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": "365"}},
    }


def test_what_is_replaced_or_deleted_stays_as_a_version(laptop: Laptop) -> None:
    client, name = laptop.cloud.s3, laptop.stack.bucket
    assert client.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    for body in (b"first", b"second"):
        client.put_object(Bucket=name, Key="elsewhere/a", Body=body)
    client.delete_object(Bucket=name, Key="elsewhere/a")
    found = client.list_object_versions(Bucket=name, Prefix="elsewhere/a")
    assert (len(found["Versions"]), len(found["DeleteMarkers"])) == (2, 1)


@pytest.mark.parametrize(
    "name", ["InfrequentAccessDays", "GlacierDays", "ArchiveExpiryDays", "ObjectLockDays"]
)
def test_nothing_of_it_happens_without_being_asked_for(name: str) -> None:
    assert str(DOCUMENT["Parameters"][name]["Default"]) == "0"
