"""A project's file: which one is found, what it says, and whose it may be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orderstream.errors import InputError
from orderstream.project.config import FILE, VARIABLE, find_project, read_project, values_of

TEXT = """
model = "orders:Shop"
lock = "requirements.lock"

[parameters]
ArchiveMaintenance = "compact"
ShardCount = 2

[env.dev]
region = "eu-central-1"

[env.prod]
stack = "shop"
region = "eu-west-1"
profile = "prod"

[env.prod.parameters]
ShardCount = 4
DeletionProtection = true
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / FILE).write_text(TEXT)
    return tmp_path


def test_the_nearest_file_upwards_is_the_projects(root: Path) -> None:
    below = root / "tests" / "unit"
    below.mkdir(parents=True)
    found = find_project(below, {})
    assert found is not None and found.root == root and found.module == "orders"
    assert find_project(Path("/"), {}) is None


def test_a_lock_that_is_named_must_be_there(root: Path) -> None:
    project = read_project(root)
    with pytest.raises(InputError, match="there is no .*requirements.lock"):
        project.lock  # noqa: B018
    (root / "requirements.lock").write_text("")
    assert project.lock == root / "requirements.lock"


def test_the_variable_names_the_project_from_anywhere(root: Path) -> None:
    found = find_project(Path("/"), {VARIABLE: str(root)})
    assert found is not None and found.root == root
    with pytest.raises(InputError, match=f"has no {FILE}"):
        find_project(root, {VARIABLE: "/"})


def test_an_environment_adds_to_the_parameters_of_all(root: Path) -> None:
    project = read_project(root)
    prod, dev, none = (project.environment(name) for name in ("prod", "dev", None))
    assert (prod.stack, prod.region, prod.profile) == ("shop", "eu-west-1", "prod")
    expected = {"ArchiveMaintenance": "compact", "ShardCount": "4", "DeletionProtection": "true"}
    assert values_of(prod.parameters) == expected
    assert values_of(dev.parameters)["ShardCount"] == "2" and dev.stack is None
    assert none.region is None and none.parameters["ShardCount"] == 2


def test_an_unknown_environment_is_told_with_those_that_there_are(root: Path) -> None:
    with pytest.raises(InputError, match="no environment staging") as told:
        read_project(root).environment("staging")
    assert told.value.hint == "there are dev, prod"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = 7", r"model"),
        ("modle = 'order:Order'", "modle"),
        ("[env.prod]\nregoin = 'x'", r"regoin.*env"),
        ("model = ", "orderstream.toml"),
        ("\udcff", "orderstream.toml"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / FILE).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=said):
        read_project(tmp_path)


def test_a_file_of_another_user_is_refused_unless_it_is_named(root: Path) -> None:
    if os.geteuid() == 0:
        os.chown(root / FILE, 4711, 4711)
    owner = (root / FILE).stat().st_uid
    with pytest.raises(InputError, match="belongs to another user") as told:
        find_project(root, {}, owner + 1)
    assert f"export {VARIABLE}={root}" in told.value.hint
    assert find_project(root, {VARIABLE: str(root)}, owner + 1) is not None
    assert find_project(root, {"SUDO_UID": str(owner)}, owner + 1) is not None
    assert find_project(root, {}, owner) is not None
