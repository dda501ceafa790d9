"""The command line is consistent: names, help, examples, options and modules of every command."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from orderstream.cli import app
from orderstream.errors import InputError

ROOT: Any = get_command(app)


def leaves(group: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Every command, with its name as it is typed after `orders`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, *path, name)
        else:
            yield " ".join((*path, name)), command


def listed(group: Any) -> Iterator[tuple[str, str, Any]]:
    """What every help screen lists: names, lines and commands, of all groups in `group`."""
    for lines in group.sections.values():
        for name, line in lines.items():
            command = group.commands[name]
            yield f"{group.name} {name}", line, command
            if hasattr(command, "commands"):
                yield from listed(command)


COMMANDS = dict(leaves(ROOT))
# Servers, what reports to standard error only, and what prints text for people or shells.
WITHOUT_DATA = {"init", "up", "stack dashboard", "stack simulate", "completion", "docs"}
# Their output is JSON in any case.
JSON_ONLY = {"model schema", "stack policy deployer", "stack policy boundary"}
HEAVY = {"duckdb", "fastapi", "matplotlib", "ministack", "nicegui", "samcli", "samtranslator", "uvicorn"}


def printed(*arguments: str) -> str:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def options() -> Iterator[tuple[str, Any, str]]:
    """Every option of every command: its name, itself, and the command."""
    for name, command in COMMANDS.items():
        for option in command.params:
            for spelling in (*option.opts, *option.secondary_opts):
                if spelling.startswith("-"):
                    yield spelling, option, name


def test_the_first_help_screen_has_every_command_in_sections_of_at_most_7() -> None:
    sections = re.split(r"^([A-Z]\w+):\n", printed("--help"), flags=re.MULTILINE)[1:]
    names = {
        title: re.findall(r"^  ([a-z][a-z-]*) ", text, re.MULTILINE)
        for title, text in zip(sections[0::2], sections[1::2], strict=True)
        if title not in ("Usage", "Options")
    }
    assert sorted(sum(names.values(), [])) == sorted(ROOT.commands)
    assert all(len(listed) <= 7 for listed in names.values())
    assert {"init", "up"} < set(names["Start"])
    groups = {name for name, command in ROOT.commands.items() if hasattr(command, "commands")}
    assert set(names["Groups"]) == groups


def test_the_help_of_a_group_has_the_first_line_of_each_command() -> None:
    assert {name: line for name, line, _ in listed(ROOT)} == {
        name: " ".join(command.help.split("\n\n")[0].split()) for name, _, command in listed(ROOT)
    }


@pytest.mark.parametrize("arguments", [[], ["archive"]])
def test_a_help_screen_needs_no_command_and_not_the_sdk(arguments: list[str]) -> None:
    program = f"""
import sys
from orderstream.cli import app
try:
    app({[*arguments, "--help"]})
except SystemExit:
    print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(done.stdout.splitlines()[-1].split())
    assert {"orderstream.cli", *(f"orderstream.cli.{name}" for name in arguments)} <= imported
    assert {"botocore", "orderstream.cli.get", "orderstream.cli.archive.query"} & imported == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_ends_with_an_example_of_it(name: str) -> None:
    example = COMMANDS[name].epilog
    assert example.startswith("Example: ") and f"orders {name}" in example
    # In one line, so that it can be copied.
    assert printed(*name.split(), "-h").endswith(f"\n  {example}\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_module_of_its_own_that_says_so(name: str) -> None:
    module = sys.modules[COMMANDS[name].callback.__module__]
    assert module.__name__ == "orderstream.cli." + name.replace("-", "_").replace(" ", ".")
    assert (module.__doc__ or "").startswith(f"`orders {name}`: ")


def test_an_option_has_one_help_text_and_one_type_in_all_commands() -> None:
    found = defaultdict(set)
    for name, option, _ in options():
        found[name].add((option.help, option.bare_type(), option.min, option.max, option.metavar))
    # `orders list --by` finds by a field, `orders totals --by` adds up by one.
    assert len(found.pop("--by")) == 2
    assert {name: variants for name, variants in found.items() if len(variants) > 1} == {}


def test_a_help_text_belongs_to_one_option_so_that_nothing_has_two_spellings() -> None:
    found = defaultdict(set)
    for _, option, _ in options():
        found[option.help].add((*option.opts, *option.secondary_opts))
    assert {text: names for text, names in found.items() if len(names) > 1 or not text} == {}


def test_every_command_that_prints_data_offers_json() -> None:
    offers = {name for option, _, name in options() if option == "--json"}
    assert set(COMMANDS) - offers == WITHOUT_DATA | JSON_ONLY


@pytest.mark.parametrize(
    "arguments",
    [
        ["get", "A-1", "--raw", "--json"],
        ["archive", "query", "SELECT 1", "--format", "csv", "--json"],
        ["stack", "simulate", "--rate", "0"],
        ["archive", "replay", "--rate", "-1"],
        ["plan", "--size", "800", "--rate", "many"],
        ["adopt", "--from-stream", "OrderStream"],
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_done(arguments: list[str]) -> None:
    assert isinstance(CliRunner().invoke(app, arguments).exception, InputError)


def test_the_command_line_starts_without_the_libraries_that_only_some_commands_need() -> None:
    load_all = "import sys; from tests.unit.cli.test_commands import COMMANDS; "
    program = load_all + "print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) == set()
