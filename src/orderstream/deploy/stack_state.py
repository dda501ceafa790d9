"""Reads a stack's state from CloudFormation: resources, events, and whether it can be deployed to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import StackDescription
from orderstream.errors import DeploymentError
from orderstream.sdk.errors import translate_errors


@dataclass(frozen=True)
class Resource:
    """A resource of a stack."""

    logical_id: str
    type: str
    physical_id: str
    status: str


def resources(cloud: AwsClients, stack_id: str) -> list[Resource]:
    """The stack's resources, in CloudFormation's order."""
    with translate_errors("cannot list the stack's resources"):
        pages = cloud.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id)
        return [
            Resource(
                one["LogicalResourceId"],
                one["ResourceType"],
                one.get("PhysicalResourceId", ""),
                one["ResourceStatus"],
            )
            for page in pages
            for one in page["StackResourceSummaries"]
        ]


def ensure_deployable(stack: str, found: StackDescription | None) -> None:
    """Raise DeploymentError, with a remedy, unless a stack in this state can be deployed to."""
    if found is None or found.is_new:
        return
    about = f"stack {stack} is {found.status}"
    if found.status.endswith("_IN_PROGRESS"):
        raise DeploymentError(about, hint="somebody is changing it: wait until that is done, then try again")
    if found.status == "UPDATE_ROLLBACK_FAILED":
        raise DeploymentError(
            about, hint=f"aws cloudformation continue-update-rollback --stack-name {stack}, then try again"
        )
    if found.status == "ROLLBACK_COMPLETE" or found.status.endswith("_FAILED"):
        raise DeploymentError(
            about, hint=f"nothing can be deployed over it; remove it first: orders destroy --stack {stack}"
        )


def events_since(cloud: AwsClients, stack_id: str, last: str) -> list[dict[str, Any]]:
    """The stack's events after the one with id `last` ("" for all), oldest first."""
    found: list[dict[str, Any]] = []
    with translate_errors("cannot read the stack's events"):
        pages = cloud.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        for page in pages:
            for event in page["StackEvents"]:
                if event["EventId"] == last:
                    return found[::-1]
                found.append(dict(event))
    return found[::-1]


def validation_reasons(cloud: AwsClients, stack_id: str) -> list[str]:
    """The validation errors from before the operation started, which are not in the stack's own events."""
    try:
        pages = cloud.cloudformation.get_paginator("describe_events").paginate(
            StackName=stack_id, Filters={"FailedEvents": True}
        )
        found = [
            f"{event['LogicalResourceId']} ({event['ResourceType']}): {event['ValidationStatusReason']}"
            for page in pages
            for event in page["OperationEvents"]
            if event.get("ValidationStatusReason")
        ]
    except ClientError:
        # It requires a separate permission, and the failure is reported in any case.
        return []
    return list(dict.fromkeys(found))
