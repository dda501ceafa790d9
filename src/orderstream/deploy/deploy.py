"""Runs a deployment: builds, checks, packages, plans it as a change set, and executes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orderstream.aws.clients import AwsClients, region_of
from orderstream.aws.deployment import bind
from orderstream.aws.function_versions import move_alias
from orderstream.aws.stack import StackDescription, describe_stack
from orderstream.deploy import changes, parameters, revision
from orderstream.deploy.adoption import AdoptionResult, adopting, apply_settings
from orderstream.deploy.artifact import TEMPLATE, BuiltArtifact
from orderstream.deploy.changes import ChangeSet, ResourceChange
from orderstream.deploy.operation import CHANGING, MAKING, ROLLED_BACK, Operation, remove_stack
from orderstream.deploy.packaging import build_all, package, template_url
from orderstream.deploy.retained import Named, RetainedResources, find_retained, is_discarded, names_of
from orderstream.deploy.rollback import AliasMove, forward
from orderstream.deploy.rollback_alarm import MINUTES, RollbackAlarm, rollback_alarm
from orderstream.deploy.stack_name import ensure_name, is_production, kept_names
from orderstream.deploy.stack_state import ensure_deployable
from orderstream.deploy.table_changes import capacity_warnings, ensure_updatable
from orderstream.deploy.target import DeployTarget, target_of, values_for
from orderstream.errors import DeploymentError
from orderstream.files.scratch import ScratchFolder
from orderstream.progress import Progress, no_progress

Log = Callable[[str], None]
# The parameter that overrides the template's name for the archive.
_NAMING = "ArchiveBucketName"
_PROTECTION = "DeletionProtection"


@dataclass(frozen=True)
class DeploymentPlan:
    """What a deployment would do: `change_set` is None if nothing. `doubts` must be confirmed first.

    `template_url` is the location of the unmodified template, which the change set's may differ from. `watch`
    is the alarm that monitors an update. `forward` undoes a rollback, if the version for this code and these
    settings is deployed but orders are delivered to another.
    """

    stack: str
    artifacts: tuple[BuiltArtifact, ...]
    change_set: ChangeSet | None
    warnings: tuple[str, ...]
    outputs: Mapping[str, str]
    template_url: str
    watch: RollbackAlarm | None = None
    forward: AliasMove | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return self.change_set is None and self.forward is None

    @property
    def changes(self) -> tuple[ResourceChange, ...]:
        """The changes of all resources."""
        return self.change_set.changes if self.change_set else ()

    @property
    def adopted(self) -> tuple[str, ...]:
        """The logical ids of the resources that the stack would adopt."""
        return tuple(change.logical_id for change in self.changes if change.action == "Import")


@dataclass(frozen=True)
class DeploymentResult:
    """The stack's state after its deployment, and the result for the `settings` of adopted resources."""

    standing: StackDescription
    settings: AdoptionResult | None = None


@contextmanager
def plan_deployment(
    cloud: AwsClients,
    stack: str,
    given: Mapping[str, str],
    *,
    tell: Log,
    work_dir: Path | None = None,
    monitor_minutes: int | None = None,
) -> Iterator[DeploymentPlan]:
    """Build, check, upload and create the change set; `tell` is called with one line per step.

    The function's alarm is watched for `monitor_minutes` after its update; None is the default.

    When the block ends, nothing of the plan is left unless it was executed. Raises OrderstreamError.
    """
    known = parameters.declared(TEMPLATE)
    place = target_of(cloud)
    parameters.ensure_valid(given, known)
    ensure_name(stack, region_of(cloud))
    found = _deployable(cloud, stack, place, tell)
    has = found.parameters if found else {}
    values = values_for(place, stack, {**kept_names(found), **given} if found else given, has=has)
    left, named = RetainedResources(), tuple[Named, ...]()
    if found is None:
        if is_production(stack) and _PROTECTION not in given:
            tell(f"{_PROTECTION}=true, because the stack is named like production")
            given = {**given, _PROTECTION: "true"}
        left, named, values = _left(cloud, stack, place, given)
    before = parameters.defaults(known) | has
    effective = before | values
    parameters.ensure_agreed(effective, TEMPLATE)
    if found:
        ensure_updatable(cloud, found, before, effective)
    with ScratchFolder("deploy") as temporary:
        folder = work_dir or Path(temporary)
        tell("building the function" + (" for this machine" if place.is_local else " for Lambda"))
        artifacts = build_all(place, effective, folder)
        tell("packaging with SAM CLI")
        template = package(cloud, place, stack, folder)
        url = template_url(cloud, stack, template)
        values = {revision.PARAMETER: revision.revision(template, "ProcessOrders", effective)} | values
        first_url = template_url(cloud, stack, adopting(template, named, left.names))
    watched = None
    if found and found.is_ours:
        is_other = found.parameters.get(revision.PARAMETER) != values[revision.PARAMETER]
        usual = MINUTES if monitor_minutes is None else monitor_minutes
        watched = rollback_alarm(cloud, stack, usual if is_other and not place.is_local else 0)
    tell("asking CloudFormation what would change")
    change_set = changes.create(
        cloud,
        stack,
        found,
        template_url=first_url,
        parameters=values,
        known=known,
        adopt=bool(left.names),
        rollback=watched.configuration if watched else None,
        place=place,
    )
    move = _forward(cloud, stack, found, values[revision.PARAMETER])
    plan = DeploymentPlan(
        stack,
        artifacts,
        change_set,
        (*warnings_for(change_set, left, move), *(capacity_warnings(before, effective) if found else ())),
        found.outputs if found else {},
        url,
        watched,
        move,
    )
    try:
        yield plan
    finally:
        if change_set and changes.is_available(cloud, change_set):
            changes.discard(cloud, change_set.id, change_set.stack_id)


def _forward(cloud: AwsClients, stack: str, found: StackDescription | None, wanted: str) -> AliasMove | None:
    """The move that undoes a rollback, if CloudFormation reports the wanted revision as deployed."""
    if found is None or found.parameters.get(revision.PARAMETER) != wanted or not found.is_ours:
        return None
    return forward(bind(cloud, stack, found), wanted)


def _deployable(cloud: AwsClients, stack: str, place: DeployTarget, tell: Log) -> StackDescription | None:
    """The state of the stack to change; None if there is none yet. Raises DeploymentError."""
    found = describe_stack(cloud, stack)
    if found and found.status == ROLLED_BACK:
        tell(f"removing what a first deployment of {stack} that failed has left of the stack: it is empty")
        remove_stack(cloud, found.id, place.poll_seconds, no_progress)
        return None
    ensure_deployable(stack, found)
    return None if found is None or found.is_new else found


def _left(
    cloud: AwsClients, stack: str, place: DeployTarget, given: Mapping[str, str]
) -> tuple[RetainedResources, tuple[Named, ...], dict[str, str]]:
    """What already exists of a new stack, the names that it would use, and its parameters.

    Raises DeploymentError if somebody else owns a bucket with one of these names.
    """
    values = values_for(place, stack, given, has=())
    named = names_of(cloud, stack, values)
    left = find_retained(cloud, stack, named)
    archives = {one.name for one in named if one.logical_id == "Archive"}
    known = {one.name for one in named}
    spare = [name for name in left.buckets if name not in known and not is_discarded(stack, name)]
    if len(spare) == 1 and _NAMING not in given and not archives.intersection(left.buckets):
        return _left(cloud, stack, place, {**given, _NAMING: spare[0]})
    if left.taken:
        raise DeploymentError(
            f"bucket {left.taken[0]} belongs to another account, or you may not read it",
            hint=f"--parameter {_NAMING}=NAME gives the archive another name",
        )
    return left, named, values


def execute(cloud: AwsClients, plan: DeploymentPlan, *, progress: Progress) -> DeploymentResult:
    """Execute the plan and wait until it is done. Raises DeploymentError with the reasons."""
    if plan.is_empty:
        raise DeploymentError(f"there is nothing to change in stack {plan.stack}")
    now = _carried_out(cloud, plan, progress)
    if plan.forward:
        progress(f"ProcessOrders version {plan.forward.to.number}")
        move_alias(plan.forward.deployment, plan.forward.alias, plan.forward.to)
    return now


def _carried_out(cloud: AwsClients, plan: DeploymentPlan, progress: Progress) -> DeploymentResult:
    """Execute the change set of a plan, if it has one."""
    if plan.change_set is None:
        found = describe_stack(cloud, plan.stack)
        if found is None:
            raise DeploymentError(f"stack {plan.stack} has gone meanwhile")
        return DeploymentResult(found)
    place = target_of(cloud)
    operation = Operation(cloud, plan.change_set.stack_id, poll_seconds=place.poll_seconds, progress=progress)
    changes.execute(cloud, plan.change_set)
    now = operation.finish(MAKING if plan.change_set.makes_stack else CHANGING)
    if not plan.adopted:
        return DeploymentResult(now)
    settings = apply_settings(
        cloud,
        plan.change_set,
        template_url=plan.template_url,
        parameters=now.parameters,
        place=place,
        progress=progress,
    )
    return DeploymentResult(now, settings)


def warnings_for(
    change_set: ChangeSet | None, left: RetainedResources, move: AliasMove | None = None
) -> tuple[str, ...]:
    """The aspects of a deployment that must be confirmed.

    `left` is what an earlier stack of that name left, `move` undoes a rollback.
    """
    found = []
    if move:
        found.append(
            f"ProcessOrders was rolled back to version {move.now.number}; orders would be delivered to"
            f" version {move.to.number} again, which is what this code and these settings make"
        )
    for change in change_set.changes if change_set else ():
        what = f"{change.logical_id} ({change.physical_id or change.type})"
        if change.action == "Import" and change.physical_id not in left.own:
            found.append(f"{what} is there already, and was not left by a stack of this name")
        elif change.may_lose_data:
            how = "would" if change.action == "Remove" or change.replacement == "True" else "may"
            outcome = "removed from the stack" if change.action == "Remove" else "replaced by an empty one"
            found.append(f"{what} {how} be {outcome}")
    return tuple(found)
