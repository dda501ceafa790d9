"""Rolls the function back to its previous version in seconds, and forward to the deployed one."""

from __future__ import annotations

from dataclasses import dataclass

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment, bind
from orderstream.aws.function_versions import Alias, Version, describe_alias, list_versions
from orderstream.aws.stack import describe_stack
from orderstream.deploy.stack_state import ensure_deployable
from orderstream.errors import DeploymentError


@dataclass(frozen=True)
class AliasMove:
    """A move of the alias: orders go to the version of `alias` now, and would go to `to`."""

    deployment: Deployment
    alias: Alias
    to: Version

    @property
    def now(self) -> Version:
        """The version to which orders are delivered."""
        return self.alias.version


def rollback(cloud: AwsClients, stack: str) -> AliasMove:
    """The move to the version before the one that receives orders. Changes nothing yet.

    Raises DeploymentError while the stack is being updated, or if there is no earlier version.
    """
    found = describe_stack(cloud, stack)
    if found is None or found.is_new:
        raise DeploymentError(f"there is no stack {stack} here", hint="orders deploy makes it")
    ensure_deployable(stack, found)
    of = bind(cloud, stack, found)
    alias = describe_alias(of)
    earlier = [one for one in list_versions(of) if one.number < alias.version.number]
    if not earlier:
        raise DeploymentError(
            f"{of.function} has no version before {alias.version.number}, to which orders are delivered",
            hint="every deployment that changes the function publishes one",
        )
    return AliasMove(of, alias, earlier[-1])


def forward(deployment: Deployment, revision: str) -> AliasMove | None:
    """The move to the newest version with a revision; None if it already receives orders.

    Also None if there is no such version: a deployment must publish it.
    """
    alias = describe_alias(deployment)
    if alias.version.revision == revision:
        return None
    found = [one for one in list_versions(deployment) if one.revision == revision]
    return AliasMove(deployment, alias, found[-1]) if found else None
