"""The project of the current folder, and which of its environments a command acts in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from orderstream.errors import CloudError, InputError
from orderstream.project.config import Project, find_project, values_of
from orderstream.project.current import current_project, work_in

if TYPE_CHECKING:
    from orderstream.aws.clients import AwsClients

_chosen: str | None = None


def start() -> None:
    """Work in the project of the current folder. Raises InputError."""
    global _chosen
    _chosen = None
    work_in(find_project(Path.cwd(), os.environ))


def names() -> list[str]:
    """The environments of the project, if it has no mistake."""
    with suppress(InputError):
        if project := find_project(Path.cwd(), os.environ):
            return list(project.file.env)
    return []


def choose(context: typer.Context, name: str | None) -> str | None:
    """Make the settings of an environment the defaults of a command. Raises InputError."""
    global _chosen
    _chosen = name
    if name is not None:
        chosen = _the_project(f"environment {name}").environment(name)
        found = {"stack": chosen.stack, "region": chosen.region, "profile": chosen.profile}
        context.default_map = {key: value for key, value in found.items() if value is not None}
    return name


def parameters() -> dict[str, str]:
    """The values that the project has for the template's parameters in the chosen environment."""
    project = current_project()
    return values_of(project.environment(_chosen).parameters) if project else {}


def write_parameters(name: str, values: Mapping[str, str]) -> None:
    """Write parameters for an environment into the project's file. Raises InputError."""
    from orderstream.deploy import parameter_file

    parameter_file.write_parameters(_the_project(f"environment {name}"), name, values)


def _the_project(wanted: str) -> Project:
    project = current_project()
    if project is None:
        raise InputError(
            f"there is no project here, so there is no {wanted}", hint="orders init makes a project"
        )
    return project


def ensure_meant(cloud: AwsClients) -> None:
    """Raise InputError if `cloud` is not where the chosen environment is, or if one has to be chosen."""
    project, name = current_project(), _chosen
    if project is None or not project.file.env:
        return
    if name is None and not _is_local(cloud):
        listed = ", ".join(project.file.env)
        raise InputError(
            f"the project has several environments: {listed}",
            hint=f"choose one: --env {next(iter(project.file.env))}, or set ORDERS_ENV",
        )
    if name is not None and _is_local(cloud):
        raise InputError(
            f"environment {name} is on AWS, but this terminal uses the local cloud",
            hint="open another terminal, or: unset AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY"
            " AWS_SESSION_TOKEN",
        )


def _is_local(cloud: AwsClients) -> bool:
    # The SDK is not imported for a help screen.
    from orderstream.aws.clients import is_local

    try:
        return is_local(cloud)
    except CloudError:
        # No region is configured, so it is AWS.
        return False
