"""What the policies say, and what is encrypted, bounded and kept, in the template as AWS makes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from orderstream.domain.object_keys import (
    COMPACTED,
    DISCARDED,
    EVIDENCE,
    LOCKS,
    MANIFESTS,
    ORDERS,
    QUARANTINE,
    REDRIVEN,
    RESUBMITTED,
)
from tests.integration.expanded import ACCOUNT, EVERYTHING, KEY, REGION, expanded, resources

# These know no resources, says the service authorization reference.
WITHOUT_RESOURCE = {
    "cloudwatch:DescribeAlarms": "of composite alarms, it tells only those who may ask for all",
    "cloudwatch:GetMetricStatistics": "how far behind the function is tells maintenance which hours are over",
    "xray:PutTelemetryRecords": "only with Tracing=Active",
    "xray:PutTraceSegments": "only with Tracing=Active",
}
DEPLOYMENTS = pytest.mark.parametrize("given", [{}, EVERYTHING], ids=["by default", "with everything"])
Given = dict[str, str]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(
    given: Given, kind: str, document: str = "PolicyDocument"
) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, properties in resources(kind, given).items():
        found = properties[document]
        for statement in listed(json.loads(found) if isinstance(found, str) else found)[0]["Statement"]:
            yield name, statement


def of_roles(given: Given, effect: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The statements of the roles' own policies with this effect."""
    for name, role in resources("AWS::IAM::Role", given).items():
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Effect"] == effect:
                    yield name, statement


def granted(given: Given) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the roles' own policies allow."""
    return of_roles(given, "Allow")


@DEPLOYMENTS
def test_identity_policies_are_in_the_roles_and_nowhere_else(given: Given) -> None:
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::User", "AWS::IAM::Group"):
        assert resources(kind, given) == {}
    for role in resources("AWS::IAM::Role", given).values():
        assert set(role) <= {"AssumeRolePolicyDocument", "Policies", "Tags"}, "no policy of AWS's"
    functions = resources("AWS::Lambda::Function", given)
    roles = [function["Role"] for function in functions.values()]
    assert roles == [{"Fn::GetAtt": [f"{name}Role", "Arn"]} for name in functions], "each has one of its own"


@DEPLOYMENTS
def test_a_role_is_taken_on_by_lambda_alone(given: Given) -> None:
    for _, statement in statements(given, "AWS::IAM::Role", "AssumeRolePolicyDocument"):
        assert statement == {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }


@DEPLOYMENTS
def test_every_action_and_resource_is_named(given: Given) -> None:
    seen = list(granted(given))
    assert len(seen) > 5
    for _, statement in seen:
        assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}, statement
        actions = listed(statement["Action"])
        assert not [action for action in actions if "*" in action]
        if statement["Resource"] == "*":
            assert set(actions) <= set(WITHOUT_RESOURCE)
            continue
        for resource in listed(statement["Resource"]):
            assert is_ours(resource), resource


def is_ours(resource: Any) -> bool:
    """Whether it is a resource of the stack, a prefix in one, or the key that was given."""
    match resource:
        case {"Fn::GetAtt": [_, attribute]}:
            return bool(attribute.endswith(("Arn", "ARN")))
        case {"Fn::Sub": str(text)}:
            bucket, _, prefix = text.partition("/")
            is_prefix = bucket == "${Archive.Arn}" and prefix.endswith("/*") and prefix.count("*") == 1
            return is_prefix or text in ("${DiscardedBatches.Arn}/*", "${Orders.Arn}/index/ByCustomer")
    return bool(resource == KEY)


@DEPLOYMENTS
def test_the_functions_code_may_not_write_what_lambda_writes_with_its_role(given: Given) -> None:
    # In the role: a bucket policy cannot have this key.
    (found,) = of_roles(given, "Deny")
    role, statement = found
    assert role == "ProcessOrdersRole"
    assert (statement["Action"], statement["Resource"]) == (
        "s3:PutObject",
        {"Fn::Sub": "${DiscardedBatches.Arn}/*"},
    )
    assert statement["Condition"] == {"Null": {"lambda:SourceFunctionArn": "false"}}


def matches(resource: Any, place: str) -> bool:
    """Whether a resource of a policy is, or has in it, the place LOGICAL_ID or LOGICAL_ID/KEY."""
    match resource:
        case {"Fn::GetAtt": [name, "Arn"]}:
            return bool(place == name)
        case {"Fn::Sub": str(text)}:
            return fnmatchcase(place, text.replace("${", "").replace(".Arn}", ""))
    return bool(resource == "*")


def may(given: Given, action: str, place: str, *, by_its_code: bool = False) -> bool:
    """Whether ProcessOrders' role may do it in a bucket; Lambda itself, unless the function's code asks."""

    def about(effect: str) -> list[dict[str, Any]]:
        return [
            one
            for role, one in of_roles(given, effect)
            if role == "ProcessOrdersRole"
            and action in listed(one["Action"])
            and any(matches(resource, place) for resource in listed(one["Resource"]))
        ]

    of_code = {"Null": {"lambda:SourceFunctionArn": "false"}}
    denied = any(by_its_code or one.get("Condition") != of_code for one in about("Deny"))
    # What else Lambda says when it asks is documented nowhere: so no condition may have to hold.
    return not denied and any("Condition" not in one for one in about("Allow"))


@DEPLOYMENTS
@pytest.mark.parametrize("key", ["x", "test/x", f"{ORDERS}x", f"{DISCARDED}m/shardId-0/2026/11/22/x"])
def test_the_role_may_write_anywhere_in_the_on_failure_destination_or_no_mapping_is_made(
    given: Given, key: str
) -> None:
    (mapping,) = resources("AWS::Lambda::EventSourceMapping", given).values()
    destination = mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
    assert may(given, "s3:PutObject", f"{destination}/{key}")
    assert may(given, "s3:ListBucket", destination)
    assert not may(given, "s3:PutObject", f"{destination}/{key}", by_its_code=True)
    # Nor does the bucket's own policy stand in the way.
    policies = resources("AWS::S3::BucketPolicy", given).values()
    (policy,) = (one for one in policies if one["Bucket"] == {"Ref": destination})
    assert [one["Sid"] for one in policy["PolicyDocument"]["Statement"]] == ["TlsOnly"]


@DEPLOYMENTS
def test_the_role_writes_orders_and_quarantine_in_the_archive_and_nothing_else(given: Given) -> None:
    prefixes = (
        ORDERS,
        QUARANTINE,
        DISCARDED,
        COMPACTED,
        MANIFESTS,
        REDRIVEN,
        RESUBMITTED,
        "x/",
    )
    for by_its_code in (False, True):
        allowed = [
            prefix
            for prefix in prefixes
            if may(given, "s3:PutObject", f"Archive/{prefix}x", by_its_code=by_its_code)
        ]
        assert allowed == [ORDERS, QUARANTINE]


@DEPLOYMENTS
def test_evidence_is_written_once_by_everybody_and_nobody_removes_a_manifest(given: Given) -> None:
    found = {one["Sid"]: one for _, one in statements(given, "AWS::S3::BucketPolicy")}
    once, stay = found["WriteEvidenceOnce"], found["DenyManifestDeletion"]
    for statement in (once, stay):
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert once["Action"] == "s3:PutObject"
    prefixes = [resource["Fn::Sub"].partition("/")[2] for resource in once["Resource"]]
    assert prefixes == [f"{prefix}*" for prefix in EVIDENCE]
    assert once["Condition"] == {"Null": {"s3:if-none-match": "true"}}
    assert stay["Action"] == ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    assert (stay["Resource"], stay.get("Condition")) == ({"Fn::Sub": f"${{Archive.Arn}}/{MANIFESTS}*"}, None)
    # It goes with the stack, and so before `orders destroy --delete-data` empties the bucket, which stays.
    policy, archive = (expanded(given)["Resources"][name] for name in ("ArchivePolicy", "Archive"))
    assert "DeletionPolicy" not in policy and "DeletionPolicy" in archive


@DEPLOYMENTS
def test_no_function_may_change_or_remove_an_order_or_a_version(given: Given) -> None:
    actions = {action for _, statement in granted(given) for action in listed(statement["Action"])}
    tables = {action for action in actions if action.startswith("dynamodb:")}
    assert tables <= {
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:PartiQLInsert",
        "dynamodb:Query",
    }
    objects = {action for action in actions if action.startswith("s3:")}
    assert objects <= {"s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"}
    # The current object, which versioning keeps; and none that proves or quarantines.
    removed = [one for name, one in granted(given) if "s3:DeleteObject" in listed(one["Action"])]
    prefixes = [resource["Fn::Sub"].partition("/")[2] for one in removed for resource in one["Resource"]]
    assert prefixes == ([f"{ORDERS}*", f"{COMPACTED}*", f"{LOCKS}*"] if given else [])


@DEPLOYMENTS
def test_nothing_is_open_to_everybody_and_services_come_from_this_stack_or_account(given: Given) -> None:
    for kind in ("AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy"):
        found = list(statements(given, kind))
        assert found
        for _, statement in found:
            if statement["Effect"] == "Allow":
                assert set(statement["Principal"]) == {"Service"}
                assert "aws:SourceAccount" in statement["Condition"]["StringEquals"]
    for permission in resources("AWS::Lambda::Permission", given).values():
        assert permission["Action"] == "lambda:InvokeFunction"
        source = permission["SourceArn"]
        if permission["Principal"] == "apigateway.amazonaws.com":
            assert source == {"Fn::Sub": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:${{Api}}/*"}
        else:
            assert permission["Principal"] == "events.amazonaws.com" and "Fn::GetAtt" in source
    made = {resource["Type"] for resource in expanded(given)["Resources"].values()}
    # The HTTP API has tests of its own: test_http_api.py.
    assert not made & {"AWS::Lambda::Url", "AWS::ApiGateway::RestApi"}


def encryption_of_buckets(given: Given) -> list[dict[str, Any]]:
    """The one rule of each bucket."""
    rules = []
    for bucket in resources("AWS::S3::Bucket", given).values():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        rules.append(rule)
    assert len(rules) == 2
    return rules


def test_a_key_of_ones_own_encrypts_all_that_is_at_rest() -> None:
    (stream,) = resources("AWS::Kinesis::Stream", EVERYTHING).values()
    assert stream["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": KEY}
    (table,) = resources("AWS::DynamoDB::Table", EVERYTHING).values()
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    for rule in encryption_of_buckets(EVERYTHING):
        wanted = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
        assert (rule["ServerSideEncryptionByDefault"], rule["BucketKeyEnabled"]) == (wanted, True)
    for kind, name in (
        ("AWS::Logs::LogGroup", "KmsKeyId"),
        ("AWS::Lambda::Function", "KmsKeyArn"),
        ("AWS::SNS::Topic", "KmsMasterKeyId"),
    ):
        assert {properties.get(name) for properties in resources(kind, EVERYTHING).values()} == {KEY}, kind


def test_without_one_everything_is_encrypted_by_the_keys_of_aws() -> None:
    (stream,) = resources("AWS::Kinesis::Stream").values()
    assert stream["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    for rule in encryption_of_buckets({}):
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        # And by nobody else's.
        assert rule["BlockedEncryptionTypes"] == {"EncryptionType": ["SSE-C"]}
    assert KEY not in json.dumps(expanded())


def test_a_role_uses_the_key_through_its_own_services_alone() -> None:
    uses = {name: one for name, one in granted(EVERYTHING) if one["Sid"] == "UseTheKey"}
    services = {
        "ProcessOrdersRole": ["dynamodb", "kinesis", "lambda", "s3"],
        "MaintainArchiveRole": ["lambda", "s3"],
        "OrdersApiRole": ["dynamodb", "kinesis", "lambda", "s3"],
        "CanaryRole": ["dynamodb", "kinesis", "lambda"],
    }
    assert set(uses) == set(services)
    for name, statement in uses.items():
        assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"] and statement["Resource"] == KEY
        # In China the hosts end in .com.cn.
        via = [f"{service}.{REGION}.amazonaws.com*" for service in services[name]]
        assert statement["Condition"] == {"StringLike": {"kms:ViaService": via}}
    assert not [one for _, one in granted({}) if "kms:Decrypt" in listed(one["Action"])]


def test_traces_are_sent_and_may_be_sent_when_asked_for() -> None:
    for given, mode in (({}, "PassThrough"), (EVERYTHING, "Active")):
        functions = resources("AWS::Lambda::Function", given)
        assert {function["TracingConfig"]["Mode"] for function in functions.values()} == {mode}
        may = {name for name, one in granted(given) if "xray:PutTraceSegments" in listed(one["Action"])}
        assert may == ({f"{name}Role" for name in functions} if mode == "Active" else set())


def test_concurrency_is_reserved_when_asked_for() -> None:
    def reserved(given: Given) -> dict[str, Any]:
        found = resources("AWS::Lambda::Function", given)
        return {name: function.get("ReservedConcurrentExecutions") for name, function in found.items()}

    assert reserved({}) == {"ProcessOrders": None, "OrdersApi": None}
    bounded = {"ProcessOrders": "10", "MaintainArchive": 1, "OrdersApi": "10", "Canary": None}
    assert reserved(EVERYTHING) == bounded


@DEPLOYMENTS
def test_every_function_logs_to_a_group_that_forgets(given: Given) -> None:
    groups = resources("AWS::Logs::LogGroup", given)
    for function in resources("AWS::Lambda::Function", given).values():
        assert groups[function["LoggingConfig"]["LogGroup"]["Ref"]]["RetentionInDays"] == "30"


@DEPLOYMENTS
def test_the_buckets_keep_versions_and_are_closed(given: Given) -> None:
    for bucket in resources("AWS::S3::Bucket", given).values():
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        assert bucket.get("LoggingConfiguration", {}).get("DestinationBucketName") == given.get(
            "AccessLogBucket"
        )
