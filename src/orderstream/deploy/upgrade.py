"""Decides whether a stack can be upgraded to this version, and says what changes, from the changelog."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from orderstream import __version__
from orderstream.aws.stack import StackDescription
from orderstream.deploy.rendering import VERSION_OUTPUT
from orderstream.errors import DeploymentError

_HEADING = re.compile(r"^## (\d+\.\d+\.\d+)\b[^\n]*\n", re.MULTILINE)
# How the changelog says that a version cannot be reached from every earlier one.
_FROM = re.compile(r"^Upgrade from (\d+\.\d+\.\d+) or later\.", re.MULTILINE)


class Release(NamedTuple):
    """A version, the text of the changelog about it, and the earliest version to upgrade from, if any."""

    version: Version
    text: str
    upgrade_from: Version | None


def releases(changelog: str) -> list[Release]:
    """The releases of a changelog, the latest first."""
    _, *parts = _HEADING.split(changelog)
    found = []
    for version, text in zip(parts[0::2], parts[1::2], strict=True):
        least = _FROM.search(text)
        found.append(Release(Version(version), text.strip(), Version(least[1]) if least else None))
    return found


@cache
def own_releases() -> list[Release]:
    """The releases of this package's changelog."""
    return releases(Path(__file__).with_name("CHANGELOG.md").read_text())


def upgrade_notes(
    stack: str, found: StackDescription | None, known: list[Release] | None = None
) -> tuple[str, list[Release]]:
    """The version that deployed a stack, and the releases since, the earliest first.

    The version is "" if the stack is new or does not say it. Raises DeploymentError if it was deployed by a
    later version than this one, or if there is a version to deploy in between.
    """
    said = found.outputs.get(VERSION_OUTPUT, "") if found else ""
    try:
        deployed, own = Version(said), Version(__version__)
    except InvalidVersion:
        return "", []
    if deployed > own:
        raise DeploymentError(
            f"stack {stack} was deployed by Orderstream {deployed}, and this is {own}",
            hint=f'pip install "orderstream[standard]=={deployed}", or a later version',
        )
    since = [
        one for one in reversed(own_releases() if known is None else known) if deployed < one.version <= own
    ]
    for one in since:
        if one.upgrade_from and deployed < one.upgrade_from:
            raise DeploymentError(
                f"Orderstream {deployed} cannot be upgraded to {own} in one step",
                hint=f'first: pip install "orderstream[standard]=={one.upgrade_from}" and orders deploy',
            )
    return said, since
