"""Creates, reads, executes and discards CloudFormation change sets."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import StackDescription, describe_stack
from orderstream.deploy.stack_state import validation_reasons
from orderstream.deploy.target import DeployTarget
from orderstream.errors import DeploymentError
from orderstream.sdk.errors import translate_errors

_EMPTY = ("didn't contain changes", "No updates are to be performed")
# Resources that hold orders: losing one loses its orders.
STATEFUL_TYPES = {"AWS::Kinesis::Stream", "AWS::DynamoDB::Table", "AWS::S3::Bucket"}
# But these tables are made anew from others, and go with the stack.
DERIVED = {"TotalsTable"}
# CloudFormation reports only that some properties may require replacement. These never do: none is createOnly
# in the provider schema of a stream.
IN_PLACE = {"ShardCount", "StreamModeDetails", "WarmThroughputMiBps"}


@dataclass(frozen=True)
class ResourceChange:
    """The change of one resource: `action` is Add, Modify, Remove, Import, Dynamic or SyncWithActual.

    `replacement` is True, False or Conditional in CloudFormation's words, "" where it does not apply;
    `recreating` are the properties that cause it. `only_follows` is whether the change only happens if
    another one does.
    """

    action: str
    logical_id: str
    type: str
    replacement: str
    physical_id: str
    recreating: tuple[str, ...] = ()
    only_follows: bool = False

    @property
    def is_stateful(self) -> bool:
        """Whether it has data that nothing else has."""
        return self.type in STATEFUL_TYPES and self.logical_id not in DERIVED

    @property
    def may_lose_data(self) -> bool:
        """Whether a stream, table or bucket with data of its own would, or may, be removed or replaced."""
        if not self.is_stateful:
            return False
        doubtful = self.replacement == "Conditional" and not IN_PLACE.issuperset(self.recreating)
        return self.action == "Remove" or self.replacement == "True" or doubtful


@dataclass(frozen=True)
class ChangeSet:
    """An executable change set; `makes_stack` if it creates the stack."""

    id: str
    stack_id: str
    makes_stack: bool
    changes: tuple[ResourceChange, ...]


def create(
    cloud: AwsClients,
    stack: str,
    found: StackDescription | None,
    *,
    template_url: str,
    parameters: Mapping[str, str],
    known: Mapping[str, Any],
    adopt: bool,
    rollback: Mapping[str, Any] | None = None,
    place: DeployTarget,
) -> ChangeSet | None:
    """Create a change set for the stack; None if nothing would change. Raises DeploymentError.

    Parameters that are not given keep the stack's values. With `adopt` a new stack adopts existing resources
    that have the names given by the template. `rollback` is the RollbackConfiguration of an update.
    """
    is_new = found is None or found.is_new
    request: dict[str, Any] = {
        "StackName": stack,
        "ChangeSetName": f"orders-deploy-{uuid.uuid4().hex[:12]}",
        "ChangeSetType": "CREATE" if is_new else "UPDATE",
        "TemplateURL": template_url,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": _parameters(found, parameters, known),
        "Description": "made by orders deploy",
    }
    if is_new:
        # A rollback removes resources with RetainExceptOnCreate; for OnStackFailure=DELETE that is not
        # documented. The remaining stack would block the next attempt: `Operation` removes it.
        request |= {"OnStackFailure": "ROLLBACK", "ImportExistingResources": adopt}
        # MiniStack's own name check treats a bucket to be adopted as a conflict.
        if adopt and place.is_local:
            request["DisableValidation"] = True
    elif rollback is not None:
        request["RollbackConfiguration"] = dict(rollback)
    return _made(cloud, stack, request, place)


def create_reverting(
    cloud: AwsClients, stack_id: str, *, template_url: str, parameters: Iterable[str], place: DeployTarget
) -> ChangeSet | None:
    """Create a change set that resets a stack's resources to the template, whatever their current settings.

    All parameters keep their values. None if CloudFormation sees nothing to change. Raises DeploymentError.
    """
    request = {
        "StackName": stack_id,
        "ChangeSetName": f"orders-deploy-{uuid.uuid4().hex[:12]}",
        "ChangeSetType": "UPDATE",
        "TemplateURL": template_url,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": [{"ParameterKey": name, "UsePreviousValue": True} for name in parameters],
        "Description": "made by orders deploy for what it took over",
        "DeploymentMode": "REVERT_DRIFT",
    }
    return _made(cloud, stack_id, request, place)


def _made(cloud: AwsClients, stack: str, request: dict[str, Any], place: DeployTarget) -> ChangeSet | None:
    with translate_errors(f"cannot make a change set for stack {stack}"):
        made = cloud.cloudformation.create_change_set(**request)
    is_new = request["ChangeSetType"] == "CREATE"
    change_set, reason = _ready(cloud, made["Id"], made["StackId"], is_new, place.poll_seconds)
    if change_set is None:
        said = validation_reasons(cloud, made["StackId"])
        discard(cloud, made["Id"], made["StackId"])
        if not any(words in reason for words in _EMPTY):
            raise DeploymentError("\n  ".join([f"CloudFormation refuses the change set: {reason}", *said]))
    return change_set


def _parameters(
    found: StackDescription | None, parameters: Mapping[str, str], known: Mapping[str, Any]
) -> list[dict[str, Any]]:
    there = found.parameters if found and not found.is_new else {}
    kept = [name for name in known if name in there and name not in parameters]
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()] + [
        {"ParameterKey": name, "UsePreviousValue": True} for name in kept
    ]


def _ready(
    cloud: AwsClients, change_set_id: str, stack_id: str, makes_stack: bool, poll_seconds: float
) -> tuple[ChangeSet | None, str]:
    """Wait for the change set; None, and the reason, if there is none."""
    where: dict[str, Any] = {"ChangeSetName": change_set_id, "StackName": stack_id}
    with translate_errors("cannot read the change set"):
        while True:
            answer = cloud.cloudformation.describe_change_set(**where)
            if answer["Status"] not in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
                break
            time.sleep(poll_seconds)
        if answer["Status"] != "CREATE_COMPLETE":
            return None, answer.get("StatusReason", answer["Status"])
        changes = [_change(one) for one in answer["Changes"]]
        while token := answer.get("NextToken"):
            answer = cloud.cloudformation.describe_change_set(**where, NextToken=token)
            changes += [_change(one) for one in answer["Changes"]]
    return ChangeSet(change_set_id, stack_id, makes_stack, tuple(changes)), ""


def _change(one: Any) -> ResourceChange:
    about = one["ResourceChange"]
    details = about.get("Details", [])
    recreating = {
        detail["Target"].get("Name", detail["Target"]["Attribute"])
        for detail in details
        if detail["Target"].get("RequiresRecreation", "Never") != "Never"
    }
    return ResourceChange(
        about["Action"],
        about["LogicalResourceId"],
        about["ResourceType"],
        about.get("Replacement", ""),
        about.get("PhysicalResourceId", ""),
        tuple(sorted(recreating)),
        bool(details) and all(detail.get("Evaluation") == "Dynamic" for detail in details),
    )


def execute(cloud: AwsClients, change_set: ChangeSet) -> None:
    """Start executing it; `Operation.finish` waits for the end."""
    with translate_errors("cannot carry the change set out"):
        cloud.cloudformation.execute_change_set(ChangeSetName=change_set.id, StackName=change_set.stack_id)


def is_available(cloud: AwsClients, change_set: ChangeSet) -> bool:
    """Whether it can still be executed."""
    with translate_errors("cannot read the change set"):
        try:
            answer = cloud.cloudformation.describe_change_set(
                ChangeSetName=change_set.id, StackName=change_set.stack_id
            )
        except cloud.cloudformation.exceptions.ChangeSetNotFoundException:
            return False
    return answer["ExecutionStatus"] == "AVAILABLE"


def discard(cloud: AwsClients, change_set_id: str, stack_id: str) -> None:
    """Remove a change set, and the empty stack that was created with it."""
    with translate_errors("cannot remove the change set"):
        cloud.cloudformation.delete_change_set(ChangeSetName=change_set_id, StackName=stack_id)
        found = describe_stack(cloud, stack_id)
        if found is None or not found.is_new:
            return
        # Somebody else may be reviewing another change set.
        left = cloud.cloudformation.list_change_sets(StackName=stack_id)["Summaries"]
        if not [one for one in left if one["ChangeSetId"] != change_set_id]:
            cloud.cloudformation.delete_stack(StackName=stack_id)
