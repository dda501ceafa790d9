"""The deployer's policy is enough for what the template makes and what the commands call, and no more."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from orderstream.deploy import handlers, permissions
from orderstream.deploy.arns import Where, where_of
from orderstream.deploy.permissions import MOST_CHARACTERS, boundary, characters, deployer
from orderstream.errors import InputError
from tests.integration.expanded import EVERYTHING, expanded

HERE = Where("orderstream", "123456789012", "eu-west-1")
BOUNDARY = "arn:aws:iam::123456789012:policy/orders-boundary"
DEPLOYMENTS: list[dict[str, str]] = [
    {},
    EVERYTHING,
    {**EVERYTHING, "HttpApi": "iam", "OrderIdsBySender": "none"},
    {"ArchiveLayout": "order", "CustomerIndex": "false", "HttpApi": "none"},
]


def types() -> dict[str, set[str]]:
    """The types of all resources that the template can make, each with the properties that it can set."""
    found: dict[str, set[str]] = {}
    for given in DEPLOYMENTS:
        for resource in expanded(given)["Resources"].values():
            found.setdefault(resource["Type"], set()).update(resource.get("Properties", {}))
    return found


def allowed(policies: list[dict[str, Any]]) -> set[str]:
    return {
        action
        for policy in policies
        for statement in policy["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }


def test_every_handler_of_every_type_has_what_it_needs() -> None:
    has = allowed(deployer(HERE, {}))
    for kind in types():
        assert handlers.permissions(kind) <= has, kind


@pytest.mark.parametrize(
    "action",
    [
        "cloudwatch:TagResource",
        "lambda:TagResource",
        "iam:ListRolePolicies",
        "iam:ListAttachedRolePolicies",
        "iam:UpdateRole",
        "lakeformation:DescribeResource",
        "lambda:PublishVersion",
        "lambda:CreateAlias",
        "logs:PutLogGroupDeletionProtection",
        # No schema has these.
        "logs:CreateLogDelivery",
        "cloudwatch:PutAnomalyDetector",
    ],
)
def test_what_the_first_policy_lacked_is_there(action: str) -> None:
    assert action in allowed(deployer(HERE, {}))


def test_what_is_spared_serves_only_properties_that_the_template_does_not_set() -> None:
    there = types()
    for kind, properties in handlers.SPARED.items():
        asked = {action for name in ("create", "update") for action in handlers._handlers(kind).get(name, [])}
        for name, actions in properties.items():
            assert name.partition(".")[0] not in there[kind] - {"DatabaseInput"}, f"{kind} sets {name}"
            for action in actions:
                assert any(handlers.is_spared(one, [action]) for one in asked), (
                    f"{kind}: {action} is not asked for"
                )


LEAST = {"HttpApi": "none", "PendingAlarmMinutes": "0"}


def test_a_stack_without_something_needs_no_right_to_it() -> None:
    everything, plain = allowed(deployer(HERE, {})), allowed(deployer(HERE, LEAST))
    assert plain < everything
    assert {one.partition(":")[0] for one in everything - plain} >= {"apigateway", "events"}


@pytest.mark.parametrize("given", DEPLOYMENTS)
@pytest.mark.parametrize("with_boundary", ["", BOUNDARY])
def test_each_policy_fits_into_a_managed_one_and_names_only_what_there_is(
    given: dict[str, str], with_boundary: str
) -> None:
    policies = deployer(HERE, given, with_boundary)
    for policy in [*policies, boundary(HERE, given)]:
        assert characters(policy) <= MOST_CHARACTERS
        for statement in policy["Statement"]:
            for action in statement["Action"]:
                assert handlers.exists(action), action
    sids = [statement["Sid"] for policy in policies for statement in policy["Statement"]]
    assert len(sids) == len(set(sids)) and all(re.fullmatch("[0-9A-Za-z]+", sid) for sid in sids)


# Of what has only an id, and of a role that AWS names.
UNNAMED = ("Apigateway", "Applicationautoscaling", "Kms", "RoleOfAutoScaling")


def test_resources_are_the_stacks_own_wherever_iam_can_tell() -> None:
    for policy in deployer(Where("staging", "123456789012", "eu-west-1"), {}):
        for statement in policy["Statement"]:
            text = json.dumps(statement["Resource"])
            if statement["Sid"].endswith("Everywhere"):
                assert statement["Resource"] == "*"
                for action in statement["Action"]:
                    assert action in permissions._EVERYWHERE or not handlers.knows_resources(action)
            elif not statement["Sid"].startswith(UNNAMED):
                assert "staging" in text
            assert "ProcessOrders" not in text or "staging-ProcessOrders" in text


def test_with_a_boundary_no_role_is_made_or_changed_without_it() -> None:
    statements = [one for policy in deployer(HERE, {}, BOUNDARY) for one in policy["Statement"]]
    for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"):
        (granting,) = [one for one in statements if action in one["Action"] and one["Effect"] == "Allow"]
        assert granting["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}
    # IAM knows no such key for it: a condition that wants it would refuse every update of a trust policy.
    (trust,) = [one for one in statements if "iam:UpdateAssumeRolePolicy" in one["Action"]]
    assert trust["Condition"] == {"StringEqualsIfExists": {"iam:PermissionsBoundary": BOUNDARY}}
    denied = {action for one in statements if one["Effect"] == "Deny" for action in one["Action"]}
    assert denied == {
        "iam:DeleteRolePermissionsBoundary",
        "iam:CreatePolicyVersion",
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:SetDefaultPolicyVersion",
    }
    # The template gives it to each role.
    roles = [
        one["Properties"]
        for one in expanded(EVERYTHING | {"PermissionsBoundary": BOUNDARY})["Resources"].values()
        if one["Type"] == "AWS::IAM::Role"
    ]
    assert len(roles) == 10 and {role["PermissionsBoundary"] for role in roles} == {BOUNDARY}


def test_roles_are_passed_to_lambda_and_pipes_alone() -> None:
    statements = [one for policy in deployer(HERE, {}) for one in policy["Statement"]]
    (passing,) = [one for one in statements if "iam:PassRole" in one["Action"]]
    assert passing["Action"] == ["iam:PassRole"]
    services = ["lambda.amazonaws.com", "pipes.amazonaws.com"]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": services}}


def test_only_a_deployer_of_provisioned_tables_may_scale_them_and_make_the_role_that_does() -> None:
    provisioned = deployer(HERE, EVERYTHING)
    (linked,) = [
        one for policy in provisioned for one in policy["Statement"] if one["Sid"] == "RoleOfAutoScaling"
    ]
    service = "dynamodb.application-autoscaling.amazonaws.com"
    assert linked["Action"] == ["iam:CreateServiceLinkedRole"]
    assert f":role/aws-service-role/{service}/" in linked["Resource"] and "*" not in linked["Resource"]
    assert linked["Condition"] == {"StringEquals": {"iam:AWSServiceName": service}}
    # Those of target tracking have names of their own.
    for table in ("Orders", "OrderEvents"):
        assert f"alarm:TargetTracking-table/{table}*" in json.dumps(provisioned)
    plain = deployer(HERE, LEAST)
    assert "utoscaling" not in json.dumps(plain) and "TargetTracking" not in json.dumps(plain)


def test_the_boundary_has_what_every_role_of_the_stack_is_allowed() -> None:
    has = allowed([boundary(HERE, {})])
    for given in DEPLOYMENTS:
        for resource in expanded(given)["Resources"].values():
            for policy in (
                resource["Properties"].get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []
            ):
                for statement in policy["PolicyDocument"]["Statement"]:
                    actions = statement["Action"]
                    assert set([actions] if isinstance(actions, str) else actions) <= has
    # A role may invoke a function of the stack, and change none.
    powerful = {one for one in has if one.startswith(("iam:", "lambda:", "cloudformation:"))}
    assert powerful == {"lambda:InvokeFunction"}


def test_the_boundary_allows_the_pipe_the_bus_that_is_given_or_any() -> None:
    for name, wanted in (("orders", "orders"), ("", "*")):
        given = EVERYTHING | {"ChangeEventBus": name} if name else {}
        text = json.dumps(boundary(HERE, given))
        assert f"arn:aws:events:eu-west-1:123456789012:event-bus/{wanted}" in text


def test_the_partition_follows_from_the_region() -> None:
    assert where_of("orderstream", "123456789012", "cn-north-1").partition == "aws-cn"
    assert where_of("orderstream", "123456789012", "us-gov-west-1").partition == "aws-us-gov"
    assert where_of("orderstream", "ACCOUNT", None) == Where("orderstream")


@pytest.mark.parametrize(
    ("account", "region"), [("12345", "eu-west-1"), ("123456789012", "nowhere"), ("*", None)]
)
def test_an_account_or_region_that_is_none_is_refused(account: str, region: str | None) -> None:
    with pytest.raises(InputError):
        where_of("orderstream", account, region)
