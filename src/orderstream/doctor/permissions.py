"""Simulates the caller's policies on the actions of a deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients

# IAM does not document how many actions a call may have.
_ACTIONS_A_CALL = 25
_ALLOWED = "allowed"


def source_of(cloud: AwsClients, caller: str) -> str | None:
    """The ARN of the user or role whose policies apply to a caller; None for the account's root user."""
    _, partition, _, _, account, name = caller.split(":", 5)
    if name == "root":
        return None
    if not name.startswith("assumed-role/"):
        return caller
    role = name.split("/")[1]
    try:
        # The ARN of the session lacks the role's path.
        return str(cloud.iam.get_role(RoleName=role)["Role"]["Arn"])
    except ClientError:
        return f"arn:{partition}:iam::{account}:role/{role}"


def refused_actions(cloud: AwsClients, source: str, stack: str, region: str) -> tuple[list[str], int]:
    """The actions of a deployment that the policies of `source` refuse, and how many were asked for.

    An action is allowed if it is on one of the resources that the deployer's policy has for it: the policies
    of the caller may name them otherwise. Service control policies of the organization are not considered.
    """
    # Both libraries that this imports take a second.
    from orderstream.deploy.arns import where_of
    from orderstream.deploy.permissions import deployer

    allowed: dict[str, bool] = {}
    for policy in deployer(where_of(stack, source.split(":")[4], region), {}):
        for statement in policy["Statement"]:
            for result in _simulated(cloud, source, statement):
                action = result["EvalActionName"]
                decisions = [result["EvalDecision"]]
                decisions += [
                    one["EvalResourceDecision"] for one in result.get("ResourceSpecificResults", [])
                ]
                allowed[action] = allowed.get(action, False) or _ALLOWED in decisions
    return sorted(action for action, is_allowed in allowed.items() if not is_allowed), len(allowed)


def _simulated(cloud: AwsClients, source: str, statement: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    actions, resources = statement["Action"], statement["Resource"]
    actions = [actions] if isinstance(actions, str) else list(actions)
    resources = [resources] if isinstance(resources, str) else list(resources)
    context = [
        {"ContextKeyName": key, "ContextKeyValues": values, "ContextKeyType": "string"}
        for keys in statement.get("Condition", {}).values()
        for key, value in keys.items()
        for values in [[value] if isinstance(value, str) else list(value)[:1]]
    ]
    for first in range(0, len(actions), _ACTIONS_A_CALL):
        pages = cloud.iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=source,
            ActionNames=actions[first : first + _ACTIONS_A_CALL],
            ResourceArns=resources,
            ContextEntries=context,
        )
        for page in pages:
            yield from page["EvaluationResults"]
