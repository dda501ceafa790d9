"""Every command in the documentation exists, with its options; and every command is documented."""

from __future__ import annotations

from pathlib import Path

import pytest
from reference import PROJECT
from reference.command_lines import (
    PAGES,
    ROOT,
    CommandLine,
    command_lines,
    guides,
    is_call,
    lines_of,
    problem,
)
from reference.commands import walk

COMMANDS = {path: command for path, command in walk(ROOT) if not hasattr(command, "commands")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_the_commands_of_a_page_can_be_given(page: Path) -> None:
    assert {str(line): found for line in lines_of(page) if (found := problem(line))} == {}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_is_used_in_the_documentation_and_not_only_in_the_reference(path: tuple[str, ...]) -> None:
    assert any(is_call(line, path) for page in PAGES for line in lines_of(page))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("```sh\norders status || echo 'an alarm is on'\n```", ["status"]),
        ('```sh\neval "$(orders stack env)"\n```', ["stack env"]),
        ("1. Steps\n\n    ```sh\n    orders get A-1 --raw > FILE # its bytes\n    ```", ["get A-1 --raw"]),
        ("```sh\norders deploy \\\n  --dry-run\n```", ["deploy --dry-run"]),
        ("```sh\norders query \"SELECT 'a|b' FROM orders LIMIT 1\"\n```", None),
        ("```text\n$ .venv/bin/orders up &\n3 orders are stored\n```", ["up"]),
        ("```sql\nSELECT * FROM orders limit 1\n```", []),
        ("Run `orders get ID`; 3 orders a second.", ["get ID"]),
    ],
)
def test_a_command_is_found_up_to_its_end(text: str, words: list[str] | None) -> None:
    found = [" ".join(line.words) for line in command_lines(f"{text}\n")]
    assert found == (["query SELECT 'a|b' FROM orders LIMIT 1"] if words is None else words)


@pytest.mark.parametrize(
    "words",
    ["nothing", "quarantine nothing", "list --customer 1 --nothing", "status --watc", "status now"],
)
def test_a_command_that_cannot_be_given_is_found(words: str) -> None:
    assert problem(CommandLine(tuple(words.split()), False))


@pytest.mark.parametrize("words", ["list --customer", "get", "stack simulate --rate fast", "up --port 7e4"])
def test_a_command_in_a_block_has_all_that_it_needs(words: str) -> None:
    assert problem(CommandLine(tuple(words.split()), True))
    assert problem(CommandLine(tuple(words.split()), False)) == ""


def test_the_guides_of_a_command_are_pages_with_a_title() -> None:
    assert ("how-to/redrive.md", "Redrive dead letters") in guides(("dead-letters", "redrive"))
