"""Temporary roles: created with given policies, assumed only by the caller, found and removed by name."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.errors import CloudError, NotShownError
from orderstream.sdk.errors import error_code, translate_errors

# Nothing else uses this path, so what an earlier run left can be found.
PATH = "/orders-accept/"
# IAM takes some seconds until a new role can be assumed and a policy takes effect everywhere.
PATIENCE_SECONDS = 60.0
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


@dataclass(frozen=True)
class TemporaryRole:
    """A role of the caller's account that only the caller may assume; `clock` and `sleep` are for waiting."""

    cloud: AwsClients
    arn: str
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def make(cls, cloud: AwsClients, name: str, documents: Sequence[str]) -> TemporaryRole:
        """Create a role with these policies (JSON). Raises NotShownError if the caller may not create one."""
        iam = cloud.client("iam")
        with translate_errors(f"cannot make role {name}"):
            caller = cloud.client("sts").get_caller_identity()
            partition = caller["Arn"].split(":")[1]
            trust = {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{partition}:iam::{caller['Account']}:root"},
                "Action": "sts:AssumeRole",
                # The account as principal allows everybody in it: this restricts it to the caller.
                "Condition": {"StringEquals": {"aws:userid": caller["UserId"]}},
            }
            try:
                role = iam.create_role(
                    Path=PATH,
                    RoleName=name,
                    AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
                )["Role"]
                for number, document in enumerate(documents, start=1):
                    policy = iam.create_policy(
                        Path=PATH, PolicyName=f"{name}-{number}", PolicyDocument=document
                    )
                    iam.attach_role_policy(RoleName=name, PolicyArn=policy["Policy"]["Arn"])
            except ClientError as error:
                if error_code(error) not in _DENIED:
                    raise
                raise NotShownError(f"these credentials may make no role: {_said(error)}") from error
        return cls(cloud, role["Arn"])

    def assumed(self) -> AwsClients:
        """Clients that act as the role for an hour. Raises NotShownError if the caller cannot assume it."""
        deadline = self.clock() + PATIENCE_SECONDS
        with translate_errors(f"cannot assume role {self.arn}"):
            while True:
                try:
                    keys = self.cloud.client("sts").assume_role(
                        RoleArn=self.arn, RoleSessionName="orders-accept", DurationSeconds=3600
                    )["Credentials"]
                    break
                except ClientError as error:
                    if error_code(error) not in _DENIED:
                        raise
                    if self.clock() > deadline:
                        raise NotShownError(f"these credentials assume no role: {_said(error)}") from error
                self.sleep(3)
        return replace(
            self.cloud,
            region=str(self.cloud.cloudformation.meta.region_name),
            profile=None,
            access_key=keys["AccessKeyId"],
            secret_key=keys["SecretAccessKey"],
            session_token=keys["SessionToken"],
        )

    def settle(self, ask: Callable[[AwsClients], object]) -> None:
        """Wait until the role may call `ask`: a new policy does not take effect everywhere immediately.

        After a minute without success, return: the policy does not allow it, which the caller will notice.
        """
        deadline = self.clock() + PATIENCE_SECONDS
        cloud = self.assumed()
        while True:
            try:
                ask(cloud)
                return
            except CloudError:
                if self.clock() > deadline:
                    return
            self.sleep(3)


def named(cloud: AwsClients, prefix: str) -> tuple[list[str], list[str]]:
    """The names of roles and the ARNs of policies created here whose names start with `prefix`."""
    iam = cloud.client("iam")
    with translate_errors("cannot look for roles"):
        roles = list(listed(iam, "list_roles", "Roles", PathPrefix=PATH))
        policies = list(listed(iam, "list_policies", "Policies", Scope="Local", PathPrefix=PATH))
    return (
        [one["RoleName"] for one in roles if one["RoleName"].startswith(prefix) and one["Path"] == PATH],
        [one["Arn"] for one in policies if one["PolicyName"].startswith(prefix) and one["Path"] == PATH],
    )


def remove(cloud: AwsClients, prefix: str) -> None:
    """Remove the roles and policies created here whose names start with `prefix`."""
    iam = cloud.client("iam")
    roles, policies = named(cloud, prefix)
    with translate_errors("cannot remove roles"):
        for role in roles:
            for one in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
                iam.detach_role_policy(RoleName=role, PolicyArn=one["PolicyArn"])
            iam.delete_role(RoleName=role)
        for arn in policies:
            iam.delete_policy(PolicyArn=arn)


def listed(client: Any, operation: str, key: str, **request: Any) -> Iterator[Any]:
    """What an operation lists under `key`, page by page. SDK errors propagate."""
    for page in client.get_paginator(operation).paginate(**request):
        yield from page.get(key, [])


def _said(error: ClientError) -> str:
    return str(error.response["Error"].get("Message", error))
