"""The function's version before, brought back in seconds; and the deployed one again."""

from __future__ import annotations

from dataclasses import dataclass

from orderstream.aws.clients import Cloud
from orderstream.aws.function_versions import Alias, Version, alias_of, versions_of
from orderstream.aws.stack import Stack, resources, standing
from orderstream.deploy.stack_state import ensure_deployable
from orderstream.errors import DeploymentError


@dataclass(frozen=True)
class Move:
    """What moving the alias would do: orders go to the version of `alias` now, and would go to `to`."""

    stack: Stack
    alias: Alias
    to: Version

    @property
    def now(self) -> Version:
        """The version to which orders are delivered."""
        return self.alias.version


def rollback(cloud: Cloud, stack: str) -> Move:
    """The move to the version before the one to which orders go. Nothing is changed yet.

    Raises DeploymentError while the stack is being changed, or if there is no earlier version.
    """
    found = standing(cloud, stack)
    if found is None or found.is_new:
        raise DeploymentError(f"there is no stack {stack} here", hint="orders deploy makes it")
    ensure_deployable(stack, found)
    of = resources(stack, found)
    alias = alias_of(cloud, of)
    earlier = [one for one in versions_of(cloud, of) if one.number < alias.version.number]
    if not earlier:
        raise DeploymentError(
            f"{of.function} has no version before {alias.version.number}, to which orders are delivered",
            hint="every deployment that changes the function publishes one",
        )
    return Move(of, alias, earlier[-1])


def forward(cloud: Cloud, stack: Stack, revision: str) -> Move | None:
    """The move to the newest version with a revision; None if orders are delivered to such a version already.

    None also if there is no such version: a deployment is to publish it.
    """
    if not stack.alias:
        return None
    alias = alias_of(cloud, stack)
    if alias.version.revision == revision:
        return None
    found = [one for one in versions_of(cloud, stack) if one.revision == revision]
    return Move(stack, alias, found[-1]) if found else None
