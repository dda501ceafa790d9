"""What the checks of `orders stack accept` share: the stack under test, and polling."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from orderstream.acceptance.deployer import Deployer, Documents
from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment, find_deployment
from orderstream.aws.stack import describe_stack
from orderstream.deploy.target import DeployTarget, target_of
from orderstream.errors import CheckFailedError, InputError
from orderstream.progress import Progress
from orderstream.sdk.errors import translate_errors

T = TypeVar("T")

# What a check found: values by name. Units are in the names (`p50_ms`).
Evidence = dict[str, Any]

_NAME = re.compile(r"orders-accept-[0-9a-f]{6}")
# How often waiting is reported.
_TELL_SECONDS = 15.0
_TOLD = 200


def new_name() -> str:
    """A unique name for a stack."""
    return f"orders-accept-{secrets.token_hex(3)}"


def name_of_second(name: str) -> str:
    """The stack that must fail to deploy: its name has the run's prefix, but no other name begins with it."""
    return f"{name}x"


def ensure_ours(name: str) -> None:
    """Raise InputError unless `orders stack accept` generates such names: no other stack is ever touched."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name} is not a stack that orders stack accept created",
            hint="their names are orders-accept- and six hexadecimal digits; others: orders destroy --stack",
        )


def context_of(
    cloud: AwsClients, name: str, *, documents: Documents | None, progress: Progress, keep: bool = False
) -> Context:
    """The context of a run in the account and region of `cloud`; `documents` makes the deployer's policy."""
    with translate_errors("cannot look for the account"):
        account: str = cloud.client("sts").get_caller_identity()["Account"]
    return Context(cloud, name, account, target_of(cloud), Deployer(cloud, name, documents), progress, keep)


@dataclass
class Context:
    """The stack called `name` in `account`, which `deployer` deploys; all other calls are the caller's own.

    With `keep` the stack is kept at the end. `sleep` waits that many seconds.
    """

    cloud: AwsClients
    name: str
    account: str
    place: DeployTarget
    deployer: Deployer
    progress: Progress
    keep: bool = False
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    @property
    def deployment(self) -> Deployment:
        """The names of the stack's current resources."""
        return find_deployment(self.cloud, self.name)

    @property
    def region(self) -> str:
        """The region of the stack."""
        return str(self.cloud.cloudformation.meta.region_name)

    def output(self, name: str) -> str:
        """An output of the stack. Raises CheckFailedError if there is none of that name."""
        found = describe_stack(self.cloud, self.name)
        if found is None or name not in found.outputs:
            raise CheckFailedError(f"stack {self.name} has no output {name}")
        return found.outputs[name]

    def physical_id(self, logical_id: str) -> str:
        """The physical id of a resource of the stack."""
        with translate_errors(f"cannot look for {logical_id} in stack {self.name}"):
            found = self.cloud.cloudformation.describe_stack_resource(
                StackName=self.name, LogicalResourceId=logical_id
            )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def until(self, look: Callable[[], T], *, seconds: float, what: str) -> T:
        """Return the result of `look`. While it raises CheckFailedError, retry for up to `seconds`.

        After that the last CheckFailedError is raised. `what` is what is being waited for.
        """
        begin = self.clock()
        told = begin - _TELL_SECONDS
        while True:
            try:
                return look()
            except CheckFailedError as error:
                now = self.clock()
                if now - begin >= seconds:
                    raise CheckFailedError(f"after {now - begin:,.0f} s: {error.message}") from error
                if now - told >= _TELL_SECONDS:
                    self.progress(f"waiting for {what} ({error.message[:_TOLD]})")
                    told = now
            self.sleep(self.place.poll_seconds)


def expect(condition: object, message: str) -> None:
    """Raise CheckFailedError with the message unless the condition holds."""
    if not condition:
        raise CheckFailedError(message)
