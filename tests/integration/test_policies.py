"""What the policies say, and what is encrypted, bounded and kept, in the template as AWS makes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.expanded import ACCOUNT, EVERYTHING, KEY, REGION, expanded, resources

# These know no resources, says the service authorization reference.
WITHOUT_RESOURCE = {
    "dynamodb:ListStreams": "finds streams",
    "cloudwatch:DescribeAlarms": "of composite alarms, it tells only those who may ask for all",
    "cloudwatch:GetMetricStatistics": "how far behind the function is tells maintenance which hours are over",
    "xray:PutTelemetryRecords": "only with Tracing=Active",
    "xray:PutTraceSegments": "only with Tracing=Active",
}
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
DEPLOYMENTS = pytest.mark.parametrize("given", [{}, EVERYTHING], ids=["by default", "with everything"])
Given = dict[str, str]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(
    given: Given, kind: str, document: str = "PolicyDocument"
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The statements of the policies of a kind, each with the properties of its resource."""
    for properties in resources(kind, given).values():
        for statement in properties[document]["Statement"]:
            yield properties, statement


def granted(given: Given) -> Iterator[tuple[str, dict[str, Any]]]:
    """The statements of the roles' own policies that allow something."""
    for name, role in resources("AWS::IAM::Role", given).items():
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Effect"] == "Allow":
                    yield name, statement


@DEPLOYMENTS
def test_identity_policies_are_in_roles_of_one_function_or_pipe_each_and_nowhere_else(given: Given) -> None:
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::User", "AWS::IAM::Group"):
        assert resources(kind, given) == {}
    for role in resources("AWS::IAM::Role", given).values():
        assert set(role) <= {"AssumeRolePolicyDocument", "Policies", "Tags"}, "no policy of AWS's"
    functions, pipes = resources("AWS::Lambda::Function", given), resources("AWS::Pipes::Pipe", given)
    taken = {name: one["Role"] for name, one in functions.items()}
    taken |= {name: one["RoleArn"] for name, one in pipes.items()}
    assert taken == {name: {"Fn::GetAtt": [f"{name}Role", "Arn"]} for name in taken}, "each has its own"
    assert resources("AWS::IAM::Role", given).keys() == {f"{name}Role" for name in taken}

    for name, role in resources("AWS::IAM::Role", given).items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        is_of_pipe = name.removesuffix("Role") in pipes
        service = "pipes.amazonaws.com" if is_of_pipe else "lambda.amazonaws.com"
        wanted = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        if is_of_pipe:
            wanted["Condition"] = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
        assert statement == wanted


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


SECRETS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orderstream/orderstream/webhooks/*"


def is_ours(resource: Any) -> bool:
    """Whether it is a resource of the stack, a prefix in one, or the key that was given."""
    match resource:
        case {"Fn::GetAtt": [_, attribute]}:
            return bool(attribute.endswith(("Arn", "ARN")))
        case {"Fn::Sub": str(text)}:
            bucket, _, prefix = text.partition("/")
            is_prefix = bucket == "${Archive.Arn}" and prefix.endswith("/*") and prefix.count("*") == 1
            indexes = [f"${{Orders.Arn}}/index/{name}" for name in ("ByCustomer", "ByPending")]
            indexes += [f"${{WebhookDeliveries.Arn}}/index/{name}" for name in ("ByDue", "ByFailure")]
            return is_prefix or text in ("${DiscardedBatches.Arn}/*", *indexes)
    return resource in (KEY, BUS, SECRETS)


@DEPLOYMENTS
def test_no_function_may_remove_an_order_or_a_version_or_change_an_event(given: Given) -> None:
    actions = {action for _, statement in granted(given) for action in listed(statement["Action"])}
    tables = {action for action in actions if action.startswith("dynamodb:")}
    writes = {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
    written = [one["Resource"] for _, one in granted(given) if writes & set(listed(one["Action"]))]
    names = {one["Fn::GetAtt"][0] for one in written}
    assert names == ({"TotalsTable", "WebhookEndpoints", "WebhookDeliveries"} if given else set())
    assert tables - writes <= {
        "dynamodb:BatchGetItem",
        "dynamodb:DescribeStream",
        "dynamodb:GetItem",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
        "dynamodb:PartiQLInsert",
        "dynamodb:PartiQLUpdate",
        "dynamodb:Query",
        "dynamodb:Scan",
    }
    # Only an order is ever changed, by its events.
    changed = [one["Resource"] for _, one in granted(given) if "dynamodb:PartiQLUpdate" in one["Action"]]
    assert changed == [{"Fn::GetAtt": ["Orders", "Arn"]}]
    scanned = [one["Resource"] for _, one in granted(given) if "dynamodb:Scan" in listed(one["Action"])]
    assert scanned == ([{"Fn::GetAtt": ["WebhookEndpoints", "Arn"]}] if given else [])
    objects = {action for action in actions if action.startswith("s3:")}
    assert objects <= {"s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"}


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


def test_a_key_of_ones_own_encrypts_all_that_is_at_rest_and_without_one_the_keys_of_aws_do() -> None:
    streams = resources("AWS::Kinesis::Stream", EVERYTHING)
    assert streams.keys() == {"OrderStream", "OrderChanges"}
    for stream in streams.values():
        assert stream["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": KEY}
    tables = resources("AWS::DynamoDB::Table", EVERYTHING)
    assert tables.keys() == {
        *("Orders", "OrderEvents", "TotalsTable", "WebhookEndpoints", "WebhookDeliveries"),
    }
    for table in tables.values():
        assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    for kind, name in (
        ("AWS::Logs::LogGroup", "KmsKeyId"),
        ("AWS::Lambda::Function", "KmsKeyArn"),
        ("AWS::SNS::Topic", "KmsMasterKeyId"),
        ("AWS::SQS::Queue", "KmsMasterKeyId"),
    ):
        assert {properties.get(name) for properties in resources(kind, EVERYTHING).values()} == {KEY}, kind
    for given, wanted in (
        (EVERYTHING, {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}),
        ({}, {"SSEAlgorithm": "AES256"}),
    ):
        for bucket in resources("AWS::S3::Bucket", given).values():
            (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            assert rule["ServerSideEncryptionByDefault"] == wanted
            # And by nobody else's key.
            assert rule["BlockedEncryptionTypes"] == {"EncryptionType": ["SSE-C"]}
    (stream,) = resources("AWS::Kinesis::Stream").values()
    assert stream["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    assert KEY not in json.dumps(expanded())


def test_a_role_uses_the_key_through_its_own_services_alone() -> None:
    uses = {name: one for name, one in granted(EVERYTHING) if one["Sid"] == "UseTheKey"}
    services = {
        "ProcessOrdersRole": ["dynamodb", "kinesis", "lambda", "s3"],
        "MaintainArchiveRole": ["lambda", "s3"],
        "OrdersApiRole": ["dynamodb", "kinesis", "lambda", "s3"],
        "CanaryRole": ["dynamodb", "kinesis", "lambda"],
        "CheckPendingRole": ["dynamodb", "lambda"],
        "PublishChangesRole": ["dynamodb", "kinesis", "lambda"],
        "ChangesToBusRole": ["kinesis", "sqs"],
        "UpdateTotalsRole": ["dynamodb", "lambda"],
        "QueueDeliveriesRole": ["dynamodb", "kinesis", "lambda"],
        "SendDeliveriesRole": ["dynamodb", "lambda", "secretsmanager"],
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

    assert reserved({}) == dict.fromkeys(("ProcessOrders", "OrdersApi", "CheckPending"))
    # Schedules, the shards of a stream and the number of webhooks bound the others.
    others = dict.fromkeys(
        ("Canary", "CheckPending", "PublishChanges", "UpdateTotals", "QueueDeliveries", "SendDeliveries")
    )
    bounded = {"ProcessOrders": "10", "MaintainArchive": 1, "OrdersApi": "10", **others}
    assert reserved(EVERYTHING) == bounded


@DEPLOYMENTS
def test_every_function_logs_to_a_group_that_forgets(given: Given) -> None:
    groups = resources("AWS::Logs::LogGroup", given)
    for function in resources("AWS::Lambda::Function", given).values():
        assert groups[function["LoggingConfig"]["LogGroup"]["Ref"]]["RetentionInDays"] == "30"


@DEPLOYMENTS
def test_the_buckets_keep_versions_are_closed_and_take_no_request_in_the_clear(given: Given) -> None:
    found = resources("AWS::S3::Bucket", given)
    for bucket in found.values():
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        assert bucket.get("LoggingConfiguration", {}).get("DestinationBucketName") == given.get(
            "AccessLogBucket"
        )
    policies = statements(given, "AWS::S3::BucketPolicy")
    guarded = {policy["Bucket"]["Ref"]: one for policy, one in policies if one["Sid"] == "TlsOnly"}
    assert guarded.keys() == found.keys()
    for name, statement in guarded.items():
        assert statement["Resource"] == [{"Fn::GetAtt": [name, "Arn"]}, {"Fn::Sub": f"${{{name}.Arn}}/*"}]
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
