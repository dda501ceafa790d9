"""Adopts existing resources into a new stack: they survive a failure and get the template's settings."""

from __future__ import annotations

import copy
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orderstream.aws.clients import AwsClients
from orderstream.deploy import changes
from orderstream.deploy.changes import ChangeSet, ResourceChange
from orderstream.deploy.operation import CHANGING, Operation
from orderstream.deploy.retained import NAMING, Named
from orderstream.deploy.target import DeployTarget
from orderstream.errors import DeploymentError, OrderstreamError
from orderstream.progress import Progress
from orderstream.sdk.errors import translate_errors


@dataclass(frozen=True)
class Difference:
    """A resource property that differs from the template; `path` as in /Tags/0, values as JSON."""

    resource: str
    path: str
    asked: str
    actual: str

    def __str__(self) -> str:
        return f"{self.resource}{self.path} is {self.actual}, not {self.asked}"


@dataclass(frozen=True)
class AdoptionResult:
    """The result for the settings of `adopted` resources: those `changed`, and what is still `unlike`.

    `problems` are the reasons why something could not be changed or compared.
    """

    adopted: tuple[str, ...]
    changed: tuple[str, ...]
    unlike: tuple[Difference, ...]
    problems: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything that needs attention, one line each."""
        return *self.problems, *(f"not as the template asks: {one}" for one in self.unlike)


def adopting(template: Mapping[str, Any], named: Iterable[Named], there: Collection[str]) -> dict[str, Any]:
    """The template with which a stack adopts those of `named` whose names are in `there`.

    CloudFormation imports only resources with an explicit name. It is not documented whether
    RetainExceptOnCreate, like Retain, keeps an imported resource when the stack's creation rolls back.
    """
    made = copy.deepcopy(dict(template))
    for one in named:
        if one.name in there:
            resource = made["Resources"][one.logical_id]
            resource["DeletionPolicy"] = "Retain"
            resource["Properties"][NAMING[one.type]] = one.name
    return made


def apply_settings(
    cloud: AwsClients,
    imported: ChangeSet,
    *,
    template_url: str,
    parameters: Collection[str],
    place: DeployTarget,
    progress: Progress,
) -> AdoptionResult:
    """Give what the change set `imported` the template's settings, and report what still differs.

    An import changes no settings, and a later deployment sees no difference, because it compares templates.
    So a second, drift-aware change set applies the unmodified template with the same parameters. Drift
    detection finds what still differs after that. Raises nothing: the stack is deployed.
    """
    adopted = tuple(one.logical_id for one in imported.changes if one.action == "Import")
    names = " and ".join(adopted)
    changed: tuple[str, ...] = ()
    unlike: tuple[Difference, ...] = ()
    problems: list[str] = []
    try:
        change_set = changes.create_reverting(
            cloud, imported.stack_id, template_url=template_url, parameters=parameters, place=place
        )
        if change_set:
            changed = _carried_out(cloud, change_set, adopted, place, progress)
    except OrderstreamError as error:
        problems.append(f"the settings of {names} were not changed: {error.message}")
    try:
        unlike, uncompared = _unlike(cloud, imported.stack_id, adopted, place)
        problems += uncompared
    except OrderstreamError as error:
        problems.append(f"{names} were not compared with the template: {error.message}")
    return AdoptionResult(adopted, changed, unlike, tuple(problems))


def _carried_out(
    cloud: AwsClients,
    change_set: ChangeSet,
    adopted: Collection[str],
    place: DeployTarget,
    progress: Progress,
) -> tuple[str, ...]:
    """Execute a drift-aware change set; return the ids of the adopted resources that it changed.

    Raises DeploymentError if it would change anything else, or if it fails.
    """
    if beside := [one.logical_id for one in change_set.changes if not _is_expected(one, adopted)]:
        changes.discard(cloud, change_set.id, change_set.stack_id)
        raise DeploymentError(f"the change set for it would also change {', '.join(beside)}")
    operation = Operation(cloud, change_set.stack_id, poll_seconds=place.poll_seconds, progress=progress)
    changes.execute(cloud, change_set)
    operation.finish(CHANGING)
    return tuple(one.logical_id for one in change_set.changes if one.logical_id in adopted)


def _is_expected(change: ResourceChange, adopted: Collection[str]) -> bool:
    """Whether a change affects settings of an adopted resource, or may follow from such a change.

    Drift-aware change sets have been reported to change, and even replace, resources without drift
    (aws-cloudformation/cloudformation-coverage-roadmap#2505 and #2559).
    """
    if change.logical_id in adopted:
        return change.action != "Remove" and not change.may_lose_data
    return change.action == "SyncWithActual" or change.only_follows


def _unlike(
    cloud: AwsClients, stack_id: str, adopted: Collection[str], place: DeployTarget
) -> tuple[tuple[Difference, ...], list[str]]:
    """The properties set by the template that differ from it, and what could not be compared."""
    client = cloud.cloudformation
    with translate_errors("cannot detect drift"):
        detection = client.detect_stack_drift(StackName=stack_id, LogicalResourceIds=list(adopted))
        while True:
            found = client.describe_stack_drift_detection_status(
                StackDriftDetectionId=detection["StackDriftDetectionId"]
            )
            if found["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                break
            time.sleep(place.poll_seconds)
        answer = client.describe_stack_resource_drifts(StackName=stack_id)
        drifts = answer["StackResourceDrifts"]
        while token := answer.get("NextToken"):
            answer = client.describe_stack_resource_drifts(StackName=stack_id, NextToken=token)
            drifts += answer["StackResourceDrifts"]
    compared = {one["LogicalResourceId"]: one for one in drifts}
    unlike: list[Difference] = []
    problems = []
    for name in adopted:
        status = compared[name]["StackResourceDriftStatus"] if name in compared else "NOT_CHECKED"
        if status not in {"IN_SYNC", "MODIFIED"}:
            reason = found.get("DetectionStatusReason", "")
            problems.append(f"{name} was not compared with the template: {status} {reason}".rstrip())
        else:
            unlike += [
                Difference(name, one["PropertyPath"], one["ExpectedValue"], one["ActualValue"])
                for one in compared[name].get("PropertyDifferences", [])
            ]
    return tuple(unlike), problems
