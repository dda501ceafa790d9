"""Parameters are written into orderstream.toml, and everything else in it stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderstream.deploy.parameter_file import write_parameters
from orderstream.errors import InputError
from orderstream.project.config import FILE, read_project, values_of

TEXT = """\
# Ours.
model = "order:Order"  # the class

[env.dev]
region = "eu-west-1"

[env.prod]

[env.prod.parameters]
# For the peak.
ShardCount = 2
DeletionProtection = true
"""


def test_values_are_set_in_one_environment_and_comments_stay(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(TEXT)
    project = read_project(tmp_path)
    write_parameters(project, "prod", {"ShardCount": "8", "CustomerIndex": "false", "ArchiveLayout": "batch"})
    write_parameters(project, "dev", {"ShardCount": "1"})
    text = (tmp_path / FILE).read_text()
    assert "# Ours." in text and "# the class" in text and "# For the peak." in text
    found = read_project(tmp_path)
    assert found.environment("prod").parameters == {
        "ShardCount": 8,
        "DeletionProtection": True,
        "CustomerIndex": False,
        "ArchiveLayout": "batch",
    }
    assert values_of(found.environment("dev").parameters) == {"ShardCount": "1"}
    assert found.environment("dev").region == "eu-west-1"


def test_an_environment_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(TEXT)
    with pytest.raises(InputError, match="no environment live"):
        write_parameters(read_project(tmp_path), "live", {"ShardCount": "8"})
    assert (tmp_path / FILE).read_text() == TEXT
