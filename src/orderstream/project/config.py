"""A project's orderstream.toml: its order model, its stack, and its environments."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from orderstream.errors import InputError

FILE = "orderstream.toml"
# Where the project is, if that is neither the current folder nor one above it, or belongs to another user.
VARIABLE = "ORDERS_PROJECT"


class Environment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an environment is deployed, and with which parameters of the template; None is as elsewhere."""

    stack: str | None = None
    region: str | None = None
    profile: str | None = None
    parameters: dict[str, str | int | float | bool] = {}


class ProjectFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of orderstream.toml.

    `model` is the class of orders, as MODULE:CLASS in the project's folder. `lock` is a file of pinned and
    hashed requirements of the model, in pip's format, which are deployed with it. `parameters` are those of
    every environment.
    """

    model: str = "order:Order"
    lock: str | None = None
    parameters: dict[str, str | int | float | bool] = {}
    env: dict[str, Environment] = {}


class Project(msgspec.Struct, frozen=True):
    """A project: its folder, and its file."""

    root: Path
    file: ProjectFile

    @property
    def module(self) -> str:
        """The module of the order model."""
        return self.file.model.partition(":")[0]

    @property
    def lock(self) -> Path | None:
        """The lock file of the model's libraries, if there is one. Raises InputError if it is missing."""
        if self.file.lock is None:
            return None
        file = self.root / self.file.lock
        if not file.is_file():
            raise InputError(f"there is no {file}", hint=f"`lock` in {FILE} names it")
        return file

    def environment(self, name: str | None) -> Environment:
        """The settings of an environment, with the parameters of all; without a name, these alone.

        Raises InputError if there is none of that name.
        """
        if name is not None and name not in self.file.env:
            listed = ", ".join(self.file.env)
            raise InputError(
                f"{self.root / FILE} has no environment {name}",
                hint=f"there are {listed}" if listed else f"add [env.{name}]",
            )
        own = self.file.env[name] if name is not None else Environment()
        return Environment(own.stack, own.region, own.profile, self.file.parameters | own.parameters)


def find_project(folder: Path, environ: Mapping[str, str], user: int | None = None) -> Project | None:
    """The project in `folder` or the nearest folder above it; that of ORDERS_PROJECT, if it is set.

    Raises InputError for a file that cannot be read, has a mistake, or belongs to another user: the project's
    code is run. `user` is the id of this one, by default that of the process.
    """
    if named := environ.get(VARIABLE):
        root = Path(named).absolute()
        if not (root / FILE).is_file():
            raise InputError(f"{VARIABLE}={named} has no {FILE}", hint="orders init makes a project")
        return read_project(root)
    for root in (folder.absolute(), *folder.absolute().parents):
        if (root / FILE).is_file():
            _ensure_ours(root / FILE, environ, os.geteuid() if user is None else user)
            return read_project(root)
    return None


def read_project(root: Path) -> Project:
    """The project in a folder. Raises InputError."""
    file = root / FILE
    try:
        return Project(root, msgspec.toml.decode(file.read_bytes(), type=ProjectFile))
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError, ValueError) as error:
        raise InputError(f"{file}: {error}", hint="orders init makes a valid one to compare with") from error


def values_of(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as CloudFormation takes them: text; true and false in lower case."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in parameters.items()
    }


def _ensure_ours(file: Path, environ: Mapping[str, str], user: int) -> None:
    owner, mine = file.stat().st_uid, {0, user}
    if environ.get("SUDO_UID", "").isdigit():
        mine.add(int(environ["SUDO_UID"]))
    if owner not in mine:
        raise InputError(
            f"{file} belongs to another user, whose code would be run",
            hint=f"if that is meant: export {VARIABLE}={file.parent}",
        )
