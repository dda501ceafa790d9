"""Every command in the docs is one that there is, with options that it has."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orderstream.cli import app
from orderstream.deploy.artifact import PROJECT

DOCS = PROJECT / "docs"


def commands(page: Path) -> list[str]:
    """The lines of a page's shell blocks that call `orders`, and those inside of its sentences."""
    text = page.read_text()
    blocks = re.findall(r"^```sh.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`(orders [a-z][^`]*)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    return [" ".join(line.split()) for line in lines if line.startswith("orders ")]


def help_of(*verb: str) -> str:
    """What a verb says of itself; "" if there is none of that name."""
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*verb, "--help"])
    return done.output if done.exit_code == 0 else ""


def wrong(line: str) -> str:
    """What is wrong with a command, "" if nothing is."""
    words = shlex.split(line, comments=True)[1:]
    words = words[: words.index("|")] if "|" in words else words
    about = help_of(words[0])
    if not about:
        return f"there is no verb {words[0]}"
    if "COMMAND" in about and len(words) > 1:
        about = help_of(*words[:2])
        if not about:
            return f"there is no verb {' '.join(words[:2])}"
    options = re.findall(r"(?<!\S)--[a-z-]+", line.replace("[", " ").replace("]", " "))
    unknown = [option for option in options if not re.search(rf"{option}\b", about)]
    return f"it has no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("page", sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")))
def test_the_commands_of_a_page_can_be_given(page: str) -> None:
    assert {line: found for line in commands(DOCS / page) if (found := wrong(line))} == {}


@pytest.mark.parametrize(
    "line", ["orders nothing", "orders quarantine nothing", "orders list --nothing", "orders status --watc"]
)
def test_a_command_that_there_is_not_would_be_found(line: str) -> None:
    assert wrong(line)
