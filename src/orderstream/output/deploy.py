"""Prints deployments and their results, for people and programs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markdown import Markdown
from rich.table import Column
from rich.text import Text

from orderstream.output.console import err, hint, out, print_json, problem
from orderstream.output.numbers import size
from orderstream.output.terminal import SafeTable

if TYPE_CHECKING:
    from orderstream.aws.location import Location
    from orderstream.deploy.adoption import AdoptionResult
    from orderstream.deploy.artifact import BuiltArtifact
    from orderstream.deploy.deploy import DeploymentPlan, DeploymentResult
    from orderstream.deploy.rollback import AliasMove
    from orderstream.deploy.upgrade import Release

# In display order: risky changes last, where they are still on the screen.
MOST_LINES = 20
_COLOURS = {"Add": "green", "Import": "cyan", "Modify": "yellow", "Remove": "red"}


def print_artifacts(built: tuple[BuiltArtifact, ...]) -> None:
    """Print what was built: its hash, and what is missing."""
    for one in built:
        err.print(
            f"  {one.name}: sha256 {one.sha256[:16]}, {size(one.size)} in {one.files:,} files",
        )
        if one.no_bytecode:
            err.print(
                f"  {one.name} has no bytecode, so its cold starts take about a quarter of a second longer:"
                f" {one.no_bytecode}",
            )


def print_upgrade(deployed: str, since: list[Release]) -> None:
    """Print what has changed since the version that deployed the stack."""
    if since:
        err.print(f"upgrading from Orderstream {deployed} to {since[-1].version}:")
    for one in since:
        err.print(Text(str(one.version), "bold"))
        err.print(Markdown(one.text))


def print_plan(planned: DeploymentPlan) -> None:
    """Print the change set, and what must be confirmed."""
    if planned.is_empty:
        err.print(f"nothing to change: stack {planned.stack} is as this template and code have it")
        return
    if planned.changes:
        _changes(planned)
    for doubt in planned.warnings:
        problem(doubt)


def _changes(planned: DeploymentPlan) -> None:
    table = SafeTable("action", "resource", "type", "replacement")
    for action, colour in _COLOURS.items():
        for change in planned.changes:
            if change.action == action:
                where = change.replacement if change.replacement not in {"", "False"} else ""
                table.add_row(Text(action, colour), change.logical_id, change.type, where)
    err.print(table)
    if planned.adopted:
        err.print(
            f"taken over as is: {', '.join(planned.adopted)}; a second change set then brings the settings of"
            " the template"
        )
    if planned.watch:
        err.print(str(planned.watch))


def print_deployment(
    planned: DeploymentPlan,
    done: DeploymentResult | None,
    location: Location,
    *,
    where: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Print the result of a deployment and the next commands; `where` are the options that they need."""
    outputs = done.standing.outputs if done else planned.outputs
    status = "planned" if dry_run and not planned.is_empty else "deployed" if done else "unchanged"
    settings = done.settings if done else None
    if settings:
        _settings(settings)
    if as_json:
        document = _document(planned, status, outputs)
        print_json(
            document | {"settings": asdict(settings) if settings else None, "place": location.document()}
        )
        return
    if dry_run:
        err.print("nothing was changed: that was a dry run")
        return
    table = SafeTable("output", Column("value", no_wrap=True))
    for name, value in sorted(outputs.items()):
        table.add_row(name, value)
    out.print(table)
    err.print(Text("deployed", "green") if done else "it is deployed already", "try it:", sep="; ")
    api = outputs.get("ApiUrl")
    for command in (
        *([f"curl {api}/health"] if api else []),
        f"""orders send '{{"customer_id": "12345", "amount": 250.00}}'{where}""",
        f"orders list --customer 12345{where}",
        f"orders stack verify{where}",
    ):
        err.print(f"  {command}")


def print_rollback_plan(planned: AliasMove) -> None:
    """Print the versions that a rollback moves from and to."""
    table = SafeTable("", "version", "published", "code, SHA-256", "revision")
    for what, version in (("now", planned.now), ("after it", planned.to)):
        revision = version.revision[:10] or "-"
        table.add_row(what, str(version.number), version.published, version.code_sha256[:16], revision)
    err.print(table)


def print_rollback(done: AliasMove, location: Location, *, dry_run: bool, as_json: bool) -> None:
    """Print the result of a rollback."""
    if as_json:
        document = {"stack": done.deployment.name, "status": "planned" if dry_run else "rolled back"}
        print_json(document | {"from": asdict(done.now), "to": asdict(done.to), "place": location.document()})
    elif dry_run:
        err.print("nothing was changed: that was a dry run")
    else:
        out.print(
            f"orders go to version {done.to.number} of {done.deployment.function}; nothing else was changed"
        )
        err.print("the next deployment of other code or settings delivers them to its own version")


def _settings(found: AdoptionResult) -> None:
    """Print the result for the settings of adopted resources."""
    names = ", ".join(found.adopted)
    if found.changed:
        err.print(f"a second change set was carried out for the settings of {', '.join(found.changed)}")
    for line in found.warnings[:MOST_LINES]:
        problem(line)
    if len(found.warnings) > MOST_LINES:
        problem(f"and {len(found.warnings) - MOST_LINES:,} more; --json has all")
    if found.warnings:
        page = "docs/explanation/deployment.md (Adoption)"
        hint(f"the stack is deployed; {page} says how to bring the settings of {names}")
    else:
        err.print(f"taken over, and as the template asks as far as CloudFormation compares it: {names}")


def print_location(*, stack: str, usual_stack: str, region: str | None, profile: str | None) -> str:
    """The options with which other commands find the same stack."""
    words = [] if stack == usual_stack else ["--stack", stack]
    words += ["--region", region] if region else []
    words += ["--profile", profile] if profile else []
    return f" {shlex.join(words)}" if words else ""


def _document(planned: DeploymentPlan, status: str, outputs: Mapping[str, str]) -> dict[str, Any]:
    return {
        "stack": planned.stack,
        "status": status,
        "artifacts": [
            {"name": one.name, "sha256": one.sha256, "bytes": one.size, "files": one.files}
            | {"bytecode": not one.no_bytecode}
            for one in planned.artifacts
        ],
        "changes": [
            {"action": one.action, "resource": one.logical_id, "type": one.type}
            | {"replacement": one.replacement or None, "physical_id": one.physical_id or None}
            for one in planned.changes
        ],
        "doubts": list(planned.warnings),
        "watch": str(planned.watch) if planned.watch else None,
        "outputs": dict(outputs),
    }
