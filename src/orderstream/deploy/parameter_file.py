"""Writes template parameters into a project's orderstream.toml, and leaves everything else as it is."""

from __future__ import annotations

from collections.abc import Mapping

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from orderstream.errors import InputError
from orderstream.project.config import FILE, Project


def write_parameters(project: Project, environment: str, values: Mapping[str, str]) -> None:
    """Set the parameters of an environment. Raises InputError if there is no such environment."""
    project.environment(environment)
    file = project.root / FILE
    try:
        document = tomlkit.parse(file.read_text())
        own = document["env"][environment]
        table = own.setdefault("parameters", tomlkit.table())
        assert isinstance(table, Table)
        for name, value in values.items():
            table[name] = _typed(value)
        file.write_text(tomlkit.dumps(document))
    except (OSError, TOMLKitError) as error:
        raise InputError(f"cannot write {file}: {error}") from error


def _typed(value: str) -> str | int | bool:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.isascii() and value.isdigit() else value
