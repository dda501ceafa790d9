"""A deployment: built, checked and packaged, planned as a change set, and carried out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orderstream.deploy import changes, parameters
from orderstream.deploy.changes import Change, ChangeSet
from orderstream.deploy.operation import Operation, Progress
from orderstream.deploy.packaging import build_all, packaged, template_url
from orderstream.deploy.place import place_of, values_for
from orderstream.deploy.remains import Remains, is_discarded, remains
from orderstream.deploy.standing import ensure_deployable
from orderstream.errors import DeploymentError
from orderstream.ops.artifact import TEMPLATE, Built
from orderstream.ops.cloud import Cloud
from orderstream.ops.scratch import ScratchFolder
from orderstream.ops.stack import Standing, standing

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What a deployment would do: `change_set` is None if nothing. `doubts` have to be confirmed first."""

    stack: str
    artifacts: tuple[Built, ...]
    change_set: ChangeSet | None
    doubts: tuple[str, ...]
    outputs: Mapping[str, str]

    @property
    def changes(self) -> tuple[Change, ...]:
        """What would happen to which resource."""
        return self.change_set.changes if self.change_set else ()


@contextmanager
def planned(
    cloud: Cloud, stack: str, given: Mapping[str, str], *, tell: Tell, work_dir: Path | None = None
) -> Iterator[Plan]:
    """Build, check and upload, and ask CloudFormation what would change; `tell` hears one line a step.

    When the block ends, nothing of the plan is left unless it was carried out. Raises OrderstreamError.
    """
    known = parameters.declared(TEMPLATE)
    place = place_of(cloud)
    parameters.ensure_valid(given, known)
    found = standing(cloud, stack)
    ensure_deployable(stack, found)
    is_new = found is None or found.is_new
    left = remains(cloud, stack) if is_new else Remains((), ())
    has = found.parameters if found and not is_new else {}
    values = values_for(place, _with_remains(stack, given, left), has=has)
    defaults = {name: one.default or "" for name, one in known.items()}
    effective = defaults | has | values
    parameters.ensure_agreed(effective, TEMPLATE)
    with ScratchFolder("deploy") as temporary:
        folder = work_dir or Path(temporary)
        tell("building the function" + (" for this machine" if place.is_laptop else " for Lambda"))
        artifacts = build_all(place, effective, folder)
        tell("packaging with SAM CLI")
        template = _naming(stack, packaged(cloud, place, stack, folder), left, effective)
        url = template_url(cloud, stack, template)
    tell("asking CloudFormation what would change")
    change_set = changes.make(
        cloud,
        stack,
        found,
        template_url=url,
        parameters=values,
        known=known,
        adopt=bool(left.tables or left.buckets),
        place=place,
    )
    plan = Plan(stack, artifacts, change_set, doubts(change_set, left), found.outputs if found else {})
    try:
        yield plan
    finally:
        if change_set and changes.is_available(cloud, change_set):
            changes.discard(cloud, change_set.id, change_set.stack_id)


def carry_out(cloud: Cloud, plan: Plan, *, progress: Progress) -> Standing:
    """Do what the plan says, and wait until it is done. Raises DeploymentError with the reasons."""
    if plan.change_set is None:
        raise DeploymentError(f"there is nothing to change in stack {plan.stack}")
    operation = Operation(
        cloud,
        plan.change_set.stack_id,
        poll_seconds=place_of(cloud).poll_seconds,
        progress=progress,
    )
    changes.carry_out(cloud, plan.change_set)
    return operation.finish("making" if plan.change_set.makes_stack else "changing")


def _with_remains(stack: str, given: Mapping[str, str], left: Remains) -> dict[str, str]:
    """With the archive that an earlier stack of the name left, unless another was asked for."""
    archives = [name for name in left.buckets if not is_discarded(stack, name)]
    if "ArchiveBucketName" in given or len(archives) != 1:
        return dict(given)
    return {"ArchiveBucketName": archives[0], **given}


def _naming(stack: str, template: dict[str, Any], left: Remains, values: Mapping[str, str]) -> dict[str, Any]:
    """The template with the names of what is left written out: CloudFormation adopts only that."""
    if len(left.tables) == 1:
        template["Resources"]["Orders"]["Properties"]["TableName"] = left.tables[0]
    for name in left.buckets:
        if is_discarded(stack, name):
            template["Resources"]["DiscardedBatches"]["Properties"]["BucketName"] = name
        elif name == values.get("ArchiveBucketName"):
            template["Resources"]["Archive"]["Properties"]["BucketName"] = name
    return template


def doubts(change_set: ChangeSet | None, left: Remains) -> tuple[str, ...]:
    """What about a change set somebody has to confirm; `left` is what an earlier stack of the name left."""
    found = []
    for change in change_set.changes if change_set else ():
        what = f"{change.logical_id} ({change.physical_id or change.type})"
        if change.action == "Import" and change.physical_id not in left.tables + left.buckets:
            found.append(f"{what} is there already, and was not left by a stack of this name")
        elif change.endangers_orders:
            how = "would" if change.action == "Remove" or change.replacement == "True" else "may"
            fate = "removed from the stack" if change.action == "Remove" else "replaced by an empty one"
            found.append(f"{what} {how} be {fate}")
    return tuple(found)
