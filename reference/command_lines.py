"""The `orders …` command lines in the documentation: where they are, and whether they can be given."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import typer

from orderstream.cli import app
from orderstream.errors import InputError
from orderstream.project.config import Environment, Project, ProjectFile
from orderstream.project.current import current_project, work_in
from reference import PROJECT

ROOT: Any = typer.main.get_command(app)
DOCS = PROJECT / "docs"
# Their commands are generated from the code.
GENERATED = DOCS / "reference" / "commands.md"
PAGES = sorted({*PROJECT.glob("*.md"), *DOCS.rglob("*.md")} - {GENERATED})

# Its environments are those that `orders init` writes.
_A_PROJECT = Project(PROJECT, ProjectFile(env={name: Environment() for name in ("dev", "staging", "prod")}))
# A fence, its language, and its lines; a fence in a list is indented.
_BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"(?:^|\s)# .*$", re.MULTILINE)
_SPAN = re.compile(r"`((?:\.venv/bin/)?orders [a-z-][^`]*)`")
# Not a word of a sentence, of SQL or of a path.
_CALL = re.compile(r"(?<![\w./-])(?:\.venv/bin/)?orders (?=[a-z-])")


class CommandLine(NamedTuple):
    """A call of `orders`: its words after that, and whether it is in a block that can be run as it stands."""

    words: tuple[str, ...]
    is_complete: bool

    def __str__(self) -> str:
        return shlex.join(("orders", *self.words))


def command_lines(markdown: str) -> Iterator[CommandLine]:
    """Those in shell blocks, in transcripts after `$ `, in workflows, and in inline code."""
    for _, language, text in _BLOCK.findall(markdown):
        for line in _COMMENT.sub("", text.replace("\\\n", " ")).splitlines():
            if language in ("sh", "yaml") or line.lstrip().startswith("$ "):
                for call in _CALL.finditer(line):
                    yield CommandLine(tuple(_words(line[call.end() :])), language == "sh")
    for span in _SPAN.findall(_BLOCK.sub("", markdown)):
        yield CommandLine(tuple(_words(span.partition("orders ")[2])), False)


def path_of(words: tuple[str, ...]) -> tuple[tuple[str, ...], Any]:
    """The path of the command that is called, and the command. Raises KeyError if there is none."""
    command = ROOT
    path: list[str] = []
    while hasattr(command, "commands") and len(path) < len(words) and not words[len(path)].startswith("-"):
        command = command.commands[words[len(path)]]
        path.append(words[len(path)])
    return tuple(path), command


def problem(line: CommandLine) -> str:
    """What is wrong with a command line, or "": no such command or option, or a value that is missing.

    One that is complete must also have everything that the command requires, with valid values. Another one
    may end in an option without its value.
    """
    try:
        path, command = path_of(line.words)
    except KeyError as missing:
        return f"there is no command {missing}"
    name, words = " ".join(path), line.words[len(path) :]
    try:
        if line.is_complete and not hasattr(command, "commands"):
            with _in_a_project():
                command.make_context(name, list(words))
            return ""
        value = ("VALUE",) if words and words[-1] in _options_with_values(command) else ()
        context = command.context_class(command, info_name=name)
        _, rest, _ = command.make_parser(context).parse_args([*words, *value])
    except (typer.TyperException, InputError) as error:
        return str(error)
    return f"unexpected argument {rest[0]}" if rest else ""


@contextmanager
def _in_a_project() -> Iterator[None]:
    before = current_project()
    work_in(_A_PROJECT)
    try:
        yield
    finally:
        work_in(before)


def _options_with_values(command: Any) -> set[str]:
    return {name for one in command.params if not getattr(one, "is_flag", True) for name in one.opts}


@cache
def lines_of(page: Path) -> tuple[CommandLine, ...]:
    """The command lines of a page."""
    return tuple(command_lines(page.read_text()))


def guides(path: tuple[str, ...]) -> list[tuple[str, str]]:
    """The how-to guides with a command in a shell block: path below docs/, and title."""
    return [
        (str(page.relative_to(DOCS)), page.read_text().partition("\n")[0].removeprefix("# "))
        for page in PAGES
        if page.is_relative_to(DOCS / "how-to")
        if any(line.is_complete and is_call(line, path) for line in lines_of(page))
    ]


def is_call(line: CommandLine, path: tuple[str, ...]) -> bool:
    """Whether a command line calls the command of this path."""
    return line.words[: len(path)] == path


def _words(text: str) -> Iterator[str]:
    """The words of a command, up to the end of it: a pipe, a redirection, a comment, a bracket."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for word in lexer:
        if set(word) <= set("();<>|&"):
            return
        yield word
