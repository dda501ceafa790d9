"""What a deployment to the laptop cloud has that one to AWS has not, and the other way round."""

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

    `platform` is what artifacts are built for (nothing: this machine); `forced` are parameters of the
    template that have one value there, `usual` those that have another default. `code_bucket` takes the
    artifacts; None is the one that SAM CLI keeps in every region. Progress is looked at every
    `poll_seconds`.
    """

    platform: tuple[str, ...]
    overrides: Mapping[str, str]
    defaults: Mapping[str, str]
    code_bucket: str | None
    poll_seconds: float

    @property
    def is_laptop(self) -> bool:
        """Whether it is the laptop cloud."""
        return not self.platform


AWS = DeployTarget(LAMBDA_PLATFORM, {}, {}, None, 3.0)
# Who reads the stream there is `local/event_source.py`; and `orders up` serves the HTTP API itself, the same
# application.
LAPTOP = DeployTarget(
    (),
    {"EventSource": "false"},
    {"HttpApi": "none"},
    "deployment-artifacts",
    0.2,
)


def target_of(cloud: AwsClients) -> DeployTarget:
    """The laptop cloud if that is what answers for CloudFormation, else AWS."""
    return LAPTOP if is_local(cloud) else AWS


def values_for(
    place: DeployTarget, stack: str, given: Mapping[str, str], *, has: Collection[str]
) -> dict[str, str]:
    """The parameters to deploy with, for a stack that has those in `has` already.

    Raises InputError for one that has another value there.
    """
    for name, value in place.overrides.items():
        if given.get(name, value) != value:
            raise InputError(
                f"{name} is {value} in the laptop cloud, not {given[name]}",
                hint="orders up reads the stream itself, by AWS's rules",
            )
    usual = {name: value for name, value in place.defaults.items() if name not in has}
    if place.is_laptop and stack == DEFAULT_STACK and "ArchiveBucketName" not in has:
        # Nobody else has a bucket of the short name there.
        usual["ArchiveBucketName"] = "order-data-archive"
    return usual | dict(given) | dict(place.overrides)


def environment_for(cloud: AwsClients) -> dict[str, str]:
    """The variables with which another program speaks to the same cloud as `cloud` does."""
    environment = dict(os.environ)
    if cloud.access_key and cloud.secret_key:
        # Nothing of the user's own may reach a cloud that has keys of its own.
        environment = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
        environment["AWS_ACCESS_KEY_ID"] = cloud.access_key
        environment["AWS_SECRET_ACCESS_KEY"] = cloud.secret_key
    if cloud.session_token:
        environment["AWS_SESSION_TOKEN"] = cloud.session_token
    if cloud.profile:
        environment["AWS_PROFILE"] = cloud.profile
    # SAM CLI is of those that know only the second.
    if region := cloud.region or environment.get("AWS_REGION"):
        environment |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    if cloud.endpoint_url:
        environment["AWS_ENDPOINT_URL"] = cloud.endpoint_url
    return environment
