"""What a new stack takes over: it survives the stack's failure, and gets the settings of the template."""

from __future__ import annotations

import copy
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orderstream.aws.clients import AwsClients, translate_errors
from orderstream.deploy import changes
from orderstream.deploy.changes import ChangeSet, ResourceChange
from orderstream.deploy.operation import CHANGING, Operation, Progress
from orderstream.deploy.retained import NAMING, Named
from orderstream.deploy.target import DeployTarget
from orderstream.errors import DeploymentError, OrderstreamError


@dataclass(frozen=True)
class Difference:
    """A property of a resource that is not as the template asks; `path` as in /Tags/0, values as JSON."""

    resource: str
    path: str
    asked: str
    actual: str

    def __str__(self) -> str:
        return f"{self.resource}{self.path} is {self.actual}, not {self.asked}"


@dataclass(frozen=True)
class AdoptionResult:
    """What became of the settings of `adopted` resources: those that were `changed`, and what is `unlike`.

    `problems` are why something could not be changed or compared.
    """

    adopted: tuple[str, ...]
    changed: tuple[str, ...]
    unlike: tuple[Difference, ...]
    problems: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """All that somebody should look at, in one line each."""
        return *self.problems, *(f"not as the template asks: {one}" for one in self.unlike)


def adopting(template: Mapping[str, Any], named: Iterable[Named], there: Collection[str]) -> dict[str, Any]:
    """The template with which a stack takes over those of `named` whose names are `there`.

    CloudFormation imports only what has its name written out. No documentation says whether the rollback of
    the creation that imports a resource spares it under RetainExceptOnCreate, as it does under Retain.
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
    """Give what the change set `imported` the settings of the template, and say what is not as asked.

    An import changes nothing, and a later deployment sees no difference, because it compares templates. So a
    second change set, which compares with what is there, takes the template as it is, with the same
    parameters. What is left after that is found by drift detection. Raises nothing: the stack is deployed.
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
    """Carry a drift-aware change set out; returns the ids of the adopted resources that it changed.

    Raises DeploymentError if it would change anything else, and if it fails.
    """
    if beside := [one.logical_id for one in change_set.changes if not _is_expected(one, adopted)]:
        changes.discard(cloud, change_set.id, change_set.stack_id)
        raise DeploymentError(f"the change set for it would also change {', '.join(beside)}")
    operation = Operation(cloud, change_set.stack_id, poll_seconds=place.poll_seconds, progress=progress)
    changes.execute(cloud, change_set)
    operation.finish(CHANGING)
    return tuple(one.logical_id for one in change_set.changes if one.logical_id in adopted)


def _is_expected(change: ResourceChange, adopted: Collection[str]) -> bool:
    """Whether a change is one of settings of an adopted resource, or may follow from one.

    Drift-aware change sets have been reported to change, and even to replace, what has not drifted
    (aws-cloudformation/cloudformation-coverage-roadmap#2505 and #2559).
    """
    if change.logical_id in adopted:
        return change.action != "Remove" and not change.may_lose_data
    return change.action == "SyncWithActual" or change.only_follows


def _unlike(
    cloud: AwsClients, stack_id: str, adopted: Collection[str], place: DeployTarget
) -> tuple[tuple[Difference, ...], list[str]]:
    """What is not as the template asks, of the properties that it sets, and what could not be compared."""
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
