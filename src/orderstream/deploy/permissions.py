"""Computes the deployer's IAM policies from the template, and a boundary for the roles they create."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from orderstream.deploy import handlers
from orderstream.deploy.arns import Where, owned_by
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.intrinsics import Resolver
from orderstream.deploy.parameters import declared, defaults, document

# The maximum size of a managed policy in characters, not counting white space.
MOST_CHARACTERS = 6144

# IAM could restrict them, but AWS requires all resources: for composite alarms, and for lists by prefix.
_EVERYWHERE = {"cloudwatch:DescribeAlarms", "logs:DescribeLogGroups"}
# What the commands call themselves, in addition to CloudFormation's handlers.
COMMANDS = {
    "cloudformation": (
        "CreateChangeSet",
        "DeleteChangeSet",
        "DeleteStack",
        "DescribeChangeSet",
        "DescribeEvents",
        "DescribeStackEvents",
        "DescribeStackResourceDrifts",
        "DescribeStackDriftDetectionStatus",
        "DescribeStackResource",
        "DescribeStacks",
        "DetectStackDrift",
        "DetectStackResourceDrift",
        "ExecuteChangeSet",
        "GetTemplate",
        "GetTemplateSummary",
        "ListChangeSets",
        "ListStackResources",
        # SAM CLI tags the stack of its bucket.
        "TagResource",
    ),
    "cloudwatch": ("DescribeAlarms", "GetMetricStatistics"),
    "dynamodb": ("DeleteTable", "DescribeTable", "ListTagsOfResource", "TagResource", "UpdateTable"),
    "iam": ("ListAccountAliases",),
    "lambda": (
        "GetAlias",
        "GetEventSourceMapping",
        "GetFunctionConfiguration",
        "ListVersionsByFunction",
        "UpdateAlias",
        "UpdateEventSourceMapping",
    ),
    "logs": ("DeleteLogGroup", "DescribeLogGroups"),
    "s3": (
        "DeleteBucket",
        "DeleteObject",
        "DeleteObjectVersion",
        "GetBucketLocation",
        "GetBucketObjectLockConfiguration",
        "GetBucketTagging",
        "GetObject",
        "GetObjectRetention",
        "GetObjectVersion",
        "ListBucket",
        "ListBucketVersions",
        "PutBucketTagging",
        "PutObject",
    ),
    "secretsmanager": ("DeleteSecret", "ListSecrets"),
    "tag": ("GetResources", "TagResources"),
}
_LINKED_ROLE, _SCALING = "iam:CreateServiceLinkedRole", "dynamodb.application-autoscaling.amazonaws.com"
# A caller that may change a role's permissions or trust can do everything that the role could be given.
_BOUNDED = ("iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePolicy")
# The service authorization reference lists no key iam:PermissionsBoundary for it. Checked where present.
_BOUNDED_IF_KNOWN = ("iam:UpdateAssumeRolePolicy",)
_OF_BOUNDARY = ("iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary")


def deployer(where: Where, given: Mapping[str, str], boundary: str = "") -> list[dict[str, Any]]:
    """The minimum policies, together, to deploy, update, roll back and destroy a stack.

    `given` are values of the template's parameters. Without any, the policies suffice for every value. With
    the ARN of a `boundary`, they create no role without it. Each fits into a managed policy.
    """
    template = expanded_template(where.region)
    resolver = _resolver(template, where, given)
    found = _resources(template, resolver, everything=not given)
    actions: dict[str, set[str]] = defaultdict(set)
    for action in {one for kind, _ in found for one in handlers.permissions(kind)}:
        actions[action.partition(":")[0]].add(action)
    for service, names in COMMANDS.items():
        actions[service] |= {f"{service}:{name}" for name in names}
    owned = owned_by(where, found, resolver)
    return list(_split(_statements(where, given, actions, owned, boundary)))


def _statements(
    where: Where,
    given: Mapping[str, str],
    actions: Mapping[str, set[str]],
    owned: Mapping[str, set[str]],
    boundary: str = "",
) -> Iterator[dict[str, Any]]:
    """The actions, by service, on the stack's resources; those without resource-level permissions, on all."""
    key = given.get("KmsKeyArn") or where.arn("kms", "key/KEY")
    for service in sorted(actions):
        title = service.replace("-", "").capitalize()
        everywhere = {
            one for one in actions[service] if one in _EVERYWHERE or not handlers.knows_resources(one)
        }
        limited = actions[service] - everywhere
        if service == "iam":
            yield from _of_roles(where, limited, boundary)
        elif limited:
            yield _statement(f"{title}OfTheStack", limited, [key] if service == "kms" else owned[service])
        if everywhere:
            yield _statement(f"{title}Everywhere", everywhere, ["*"])


def boundary(where: Where, given: Mapping[str, str]) -> dict[str, Any]:
    """A permissions boundary that allows what the stack's roles need, and nothing else.

    `given` as for `deployer`.
    """
    template = expanded_template(where.region)
    resolver = _resolver(template, where, given)
    found = _resources(template, resolver, everything=not given)
    actions: dict[str, set[str]] = defaultdict(set)
    for kind, properties in found:
        for statement in _allowed(properties) if kind == "AWS::IAM::Role" else ():
            for action in _listed(statement["Action"]):
                actions[action.partition(":")[0]].add(action)
    return _policy(list(_statements(where, given, actions, owned_by(where, found, resolver))))


def expanded_template(region: str) -> dict[str, Any]:
    """The template with SAM's resources expanded."""
    body = json.loads(json.dumps(document(TEMPLATE)))
    for resource in body["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    # It only determines the partition, which is not needed here.
    session = boto3.Session(region_name=region if "-" in region else "us-east-1")
    found: dict[str, Any] = Translator({}, Parser(), boto_session=session).translate(
        body, defaults(declared(TEMPLATE))
    )
    return found


def _resolver(template: Mapping[str, Any], where: Where, given: Mapping[str, str]) -> Resolver:
    values = defaults(declared(TEMPLATE)) | dict(given)
    pseudo = {
        "AWS::StackName": where.stack,
        "AWS::AccountId": where.account,
        "AWS::Region": where.region,
        "AWS::Partition": where.partition,
    }
    return Resolver({**values, **pseudo}, template["Conditions"])


def _resources(
    template: Mapping[str, Any], resolver: Resolver, *, everything: bool
) -> list[tuple[str, dict[str, Any]]]:
    return [
        (one["Type"], one.get("Properties", {}))
        for one in template["Resources"].values()
        if everything or resolver.holds(one.get("Condition"))
    ]


def _of_roles(where: Where, actions: set[str], boundary: str) -> Iterator[dict[str, Any]]:
    roles = [f"arn:{where.partition}:iam::{where.account}:role/{where.stack}-*"]
    passed = "iam:PassRole"
    bounded = actions & set(_BOUNDED) if boundary else set()
    if_known = actions & set(_BOUNDED_IF_KNOWN) if boundary else set()
    of_boundary = set(_OF_BOUNDARY) if boundary else set()
    plain = actions - bounded - if_known - of_boundary - {passed, _LINKED_ROLE}
    yield _statement("RolesOfTheStack", plain, roles)
    if _LINKED_ROLE in actions:
        # With it, Application Auto Scaling changes the capacity of tables. An account needs it once.
        linked = f"{_SCALING}/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
        arn = f"arn:{where.partition}:iam::{where.account}:role/aws-service-role/{linked}"
        only_of = {"StringEquals": {"iam:AWSServiceName": _SCALING}}
        yield {**_statement("RoleOfAutoScaling", {_LINKED_ROLE}, [arn]), "Condition": only_of}
    only_to = {"StringEquals": {"iam:PassedToService": ["lambda.amazonaws.com", "pipes.amazonaws.com"]}}
    yield {**_statement("PassThemToTheirServices", {passed}, roles), "Condition": only_to}
    if not boundary:
        return
    with_it = {"iam:PermissionsBoundary": boundary}
    yield {
        **_statement("OnlyWithTheBoundary", bounded | {"iam:PutRolePermissionsBoundary"}, roles),
        "Condition": {"StringEquals": with_it},
    }
    yield {
        **_statement("TrustWithTheBoundary", if_known, roles),
        "Condition": {"StringEqualsIfExists": with_it},
    }
    yield {**_statement("NoRoleLosesIt", {"iam:DeleteRolePermissionsBoundary"}, ["*"]), "Effect": "Deny"}
    changes = {
        "iam:CreatePolicyVersion",
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:SetDefaultPolicyVersion",
    }
    yield {**_statement("TheBoundaryStays", changes, [boundary]), "Effect": "Deny"}


def _allowed(role: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The statements of a role's policies that allow something, including conditional ones."""
    for policy in role.get("Policies", ()):
        for statement in policy["PolicyDocument"]["Statement"]:
            one = statement["Fn::If"][1] if "Fn::If" in statement else statement
            if one["Effect"] == "Allow":
                yield one


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _statement(sid: str, actions: Iterable[str], resources: Iterable[str]) -> dict[str, Any]:
    found = sorted(resources)
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": sorted(actions),
        "Resource": found if len(found) > 1 else found[0],
    }


def _policy(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def characters(policy: Mapping[str, Any]) -> int:
    """How many characters of a policy count toward IAM's limit."""
    return len(json.dumps(policy, separators=(",", ":")))


def _split(statements: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Split the statements, in order, into policies that each fit."""
    some: list[dict[str, Any]] = []
    for statement in statements:
        if some and characters(_policy([*some, statement])) > MOST_CHARACTERS:
            yield _policy(some)
            some = []
        some.append(statement)
    yield _policy(some)
