"""The differences between deployments to the local cloud and to AWS."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from orderstream.aws.clients import AwsClients, is_local
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.deploy.artifact import LAMBDA_PLATFORM
from orderstream.errors import InputError


@dataclass(frozen=True)
class DeployTarget:
    """Where a stack is deployed.

    `platform` is what artifacts are built for (empty: this machine); `forced` are template parameters with a
    fixed value there, `usual` those with a different default. `code_bucket` is for the artifacts; None is SAM
    CLI's own bucket in each region. Progress is polled every `poll_seconds`.
    """

    platform: tuple[str, ...]
    overrides: Mapping[str, str]
    defaults: Mapping[str, str]
    code_bucket: str | None
    poll_seconds: float

    @property
    def is_local(self) -> bool:
        """Whether it is the local cloud."""
        return not self.platform


AWS = DeployTarget(LAMBDA_PLATFORM, {}, {}, None, 3.0)
# There, `local/event_source.py` reads the stream, and `orders up` serves the same HTTP API application.
LOCAL = DeployTarget(
    (),
    {"EventSource": "false"},
    {"HttpApi": "none"},
    "deployment-artifacts",
    0.2,
)


def target_of(cloud: AwsClients) -> DeployTarget:
    """The local cloud if it is the CloudFormation endpoint, else AWS."""
    return LOCAL if is_local(cloud) else AWS


def values_for(
    place: DeployTarget, stack: str, given: Mapping[str, str], *, has: Collection[str]
) -> dict[str, str]:
    """The parameters to deploy with, for a stack that already has those in `has`.

    Raises InputError for one that is fixed to another value there.
    """
    for name, value in place.overrides.items():
        if given.get(name, value) != value:
            raise InputError(
                f"{name} is {value} in the local cloud, not {given[name]}",
                hint="orders up reads the stream itself, by AWS's rules",
            )
    usual = {name: value for name, value in place.defaults.items() if name not in has}
    if place.is_local and stack == DEFAULT_STACK and "ArchiveBucketName" not in has:
        # The short bucket name is always available there.
        usual["ArchiveBucketName"] = "order-data-archive"
    return usual | dict(given) | dict(place.overrides)


def environment_for(cloud: AwsClients) -> dict[str, str]:
    """The environment variables that point another program at the same cloud as `cloud`."""
    environment = dict(os.environ)
    if cloud.access_key and cloud.secret_key:
        # The user's own AWS settings must not reach a cloud that has its own keys.
        environment = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
        environment["AWS_ACCESS_KEY_ID"] = cloud.access_key
        environment["AWS_SECRET_ACCESS_KEY"] = cloud.secret_key
    if cloud.session_token:
        environment["AWS_SESSION_TOKEN"] = cloud.session_token
    if cloud.profile:
        environment["AWS_PROFILE"] = cloud.profile
    # Some programs, such as SAM CLI, read only the second.
    if region := cloud.region or environment.get("AWS_REGION"):
        environment |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    if cloud.endpoint_url:
        environment["AWS_ENDPOINT_URL"] = cloud.endpoint_url
    return environment
