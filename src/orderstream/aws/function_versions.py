"""The published versions of the function, and the one its alias points to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orderstream.aws.deployment import Deployment
from orderstream.sdk.errors import translate_errors

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef, FunctionConfigurationTypeDef

# The environment variable that identifies a version; `orders deploy` sets it for each.
REVISION = "REVISION"


@dataclass(frozen=True)
class Version:
    """A published version: its number, when it was published (RFC 3339), and what identifies it.

    `revision` is "" for a version that `orders deploy` did not publish.
    """

    number: int
    published: str
    code_sha256: str
    revision: str


@dataclass(frozen=True)
class Alias:
    """The version an alias points to, and the `revision_id` required to move the alias."""

    version: Version
    revision_id: str


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """The version of the function that receives orders, and whether a later one was rolled back."""

    number: int
    rolled_back: bool


def describe_alias(deployment: Deployment) -> Alias:
    """The stack's alias. Raises CloudError."""
    with translate_errors(f"cannot read alias {deployment.live_function}"):
        found = deployment.cloud.lambda_.get_alias(FunctionName=deployment.function, Name=deployment.alias)
        about = deployment.cloud.lambda_.get_function_configuration(
            FunctionName=deployment.function, Qualifier=found["FunctionVersion"]
        )
    return Alias(_version(about), found["RevisionId"])


def list_versions(deployment: Deployment) -> list[Version]:
    """All published versions of the function, oldest first."""
    with translate_errors(f"cannot list the versions of {deployment.function}"):
        pages = deployment.cloud.lambda_.get_paginator("list_versions_by_function").paginate(
            FunctionName=deployment.function
        )
        found = [_version(one) for page in pages for one in page["Versions"] if one["Version"] != "$LATEST"]
    return sorted(found, key=lambda version: version.number)


def move_alias(deployment: Deployment, alias: Alias, to: Version) -> None:
    """Route orders to another version. Raises CloudError if the alias was moved in the meantime."""
    with translate_errors(f"cannot move alias {deployment.live_function} to version {to.number}"):
        deployment.cloud.lambda_.update_alias(
            FunctionName=deployment.function,
            Name=deployment.alias,
            FunctionVersion=str(to.number),
            RevisionId=alias.revision_id,
        )


def _version(about: FunctionConfigurationTypeDef | FunctionConfigurationResponseTypeDef) -> Version:
    return Version(int(about["Version"]), about["LastModified"], about["CodeSha256"], _revision(about))


def _revision(about: FunctionConfigurationTypeDef | FunctionConfigurationResponseTypeDef) -> str:
    return about.get("Environment", {}).get("Variables", {}).get(REVISION, "")


def live_version(deployment: Deployment) -> LiveVersion:
    """The version that receives orders. Raises CloudError."""
    with translate_errors(f"cannot read the settings of {deployment.live_function}"):
        read = deployment.cloud.lambda_.get_function_configuration
        live, latest = (read(FunctionName=name) for name in (deployment.live_function, deployment.function))
    # The latest published version has the code and settings of the unpublished function.
    same = all(_told_apart(live)[key] == value for key, value in _told_apart(latest).items())
    return LiveVersion(int(live["Version"]), not same)


def _told_apart(about: FunctionConfigurationResponseTypeDef) -> dict[str, str]:
    return {"code": about["CodeSha256"], "revision": _revision(about)}
