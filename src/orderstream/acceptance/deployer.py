"""Deploys as a temporary role that has only the deployer's policy, or as the caller."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from orderstream.acceptance.roles import TemporaryRole
from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import describe_stack
from orderstream.deploy.arns import where_of
from orderstream.deploy.permissions import deployer
from orderstream.errors import CloudError, NotShownError, OrderstreamError

T = TypeVar("T")

# The documents of the minimum policy to deploy, update and remove a stack: (stack, account, region).
Documents = Callable[[str, str, str], Sequence[dict[str, object]]]

_NO_POLICY = "no policy for a deployer was computed"


def documents_of(stack: str, account: str, region: str) -> list[dict[str, object]]:
    """The documents of `orders stack policy deployer`."""
    return deployer(where_of(stack, account, region), {})


class Deployer:
    """Deploys and removes as a role with only the policies of `documents`, to prove that they suffice.

    What the role is denied is recorded in `refused` and done as the caller, so that the other checks can run.
    Without `documents`, or if the caller may not create roles, the caller does everything, and `unavailable`
    is the reason.
    """

    def __init__(self, cloud: AwsClients, name: str, documents: Documents | None) -> None:
        self._cloud = cloud
        self._name = name
        self._documents = documents
        self._role: TemporaryRole | None = None
        self.unavailable = "" if documents else _NO_POLICY
        self.done: list[str] = []
        self.refused: list[str] = []
        self.sizes: list[int] = []

    @property
    def arn(self) -> str:
        """The role's ARN; "" if there is none."""
        return self._role.arn if self._role else ""

    def begin(self, account: str, region: str) -> None:
        """Create the role, for a stack in this account and region."""
        if self._documents is None:
            return
        texts = [
            json.dumps(one, separators=(",", ":")) for one in self._documents(self._name, account, region)
        ]
        self.sizes = [len(text) for text in texts]
        try:
            role = TemporaryRole.make(self._cloud, f"{self._name}-deployer", texts)
            role.settle(lambda cloud: describe_stack(cloud, self._name))
        except NotShownError as error:
            self.unavailable = error.message
        except CloudError as error:
            self.refused.append(error.message)
        else:
            self._role = role

    def do(self, what: str, act: Callable[[AwsClients], T]) -> T:
        """Call `act` as the role or, if that fails, as the caller. The caller's CloudErrors propagate."""
        if self._role is None:
            return act(self._cloud)
        try:
            result = act(self._role.assumed())
        except OrderstreamError as error:
            self.refused.append(f"{what}: {error.message}")
            return act(self._cloud)
        self.done.append(what)
        return result
