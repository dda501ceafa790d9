"""Writes data to standard output and everything else to standard error."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import msgspec
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from orderstream.errors import InputError, NotConfirmedError, OrderstreamError
from orderstream.output.terminal import SafeConsole, escaped

out = SafeConsole()
err = SafeConsole(stderr=True)

LOG_EVERY_SECONDS = 3.0

_JSON = msgspec.json.Encoder(decimal_format="number")


def print_json(value: Any) -> None:
    """Print one value as one line of JSON on standard output; Decimals as exact numbers."""
    sys.stdout.buffer.write(escaped(_JSON.encode(value)) + b"\n")
    sys.stdout.buffer.flush()


def write_json(file: Path, value: Any) -> None:
    """Write one value as indented JSON to a file. Raises InputError if it cannot be written."""
    try:
        file.write_bytes(msgspec.json.format(_JSON.encode(value), indent=2) + b"\n")
    except OSError as failure:
        raise InputError(f"cannot write {file}: {failure.strerror}") from failure


def step(text: str) -> None:
    """Print a step of a long operation."""
    _say("•", "dim", text)


def problem(text: str) -> None:
    """Print a non-fatal error."""
    _say("warning:", "yellow", text)


def hint(text: str) -> None:
    """Print a remedy for the previous message."""
    _say("hint:", "cyan", text)


def error(failure: OrderstreamError) -> None:
    """Print why a command failed, and what to do."""
    _say("error:", "red", failure.message)
    if failure.hint:
        hint(failure.hint)


def _say(label: str, style: str, text: str) -> None:
    # Indented, so that further lines of the text cannot be mistaken for our own.
    err.print(Text(label, style), text.replace("\n", "\n  "))


class LogHandler(logging.Handler):
    """Prints log records of the HTTP API and of libraries like any other message."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        err.print(self.format(record))


def require_terminal(doing: str) -> None:
    """Raise NotConfirmedError if nobody can be asked to confirm `doing`; --yes confirms it."""
    if not sys.stdin.isatty():
        raise NotConfirmedError(
            f"{doing} has to be confirmed, and standard input is not a terminal: nothing was changed",
            hint="add --yes to confirm it, or --dry-run to see what would be done",
        )


def confirm(question: str, *, doing: str) -> None:
    """Ask for confirmation on standard error. Raises NotConfirmedError unless the answer is yes."""
    require_terminal(doing)
    if _answer(f"{question} [y/N] ").lower() not in {"y", "yes"}:
        raise NotConfirmedError(f"{doing} was not confirmed: nothing was changed", hint="--yes does not ask")


def confirm_if_possible(question: str, *, doing: str) -> None:
    """Like `confirm` at a terminal. Elsewhere, such as in a pipeline, only print that nobody is asked."""
    if sys.stdin.isatty():
        confirm(question, doing=doing)
    else:
        step("standard input is not a terminal: going on without asking")


def type_name(name: str, question: str, *, doing: str) -> None:
    """Ask the user to type `name`. Raises NotConfirmedError if they do not."""
    require_terminal(doing)
    if _answer(f"{question} It cannot be undone. Type {name} to go on: ") != name:
        raise NotConfirmedError(
            f"{name} was not typed: nothing was changed", hint="--yes does not ask; --dry-run changes nothing"
        )


def _answer(question: str) -> str:
    err.print(question, end="")
    return sys.stdin.readline().strip()


def progress_bar(*columns: ProgressColumn) -> Progress:
    # Without a terminal, a bar would only leave blank lines in a log.
    return Progress(
        SpinnerColumn(),
        *columns,
        TimeElapsedColumn(),
        console=err,
        disable=not err.is_terminal,
        transient=True,
    )


@contextmanager
def counting(text: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar, or a line every few seconds in a log; yields a function to call with (done, of)."""
    told = 0.0

    def update(done: int, of: int) -> None:
        nonlocal told
        progress.update(task, completed=done, total=of)
        if not err.is_terminal and time.monotonic() - told > LOG_EVERY_SECONDS:
            step(f"{text}: {done:,} of {of:,}")
            told = time.monotonic()

    with progress_bar(
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    ) as progress:
        task = progress.add_task(text, total=None)
        yield update


def text_of(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value if isinstance(value, str) else _JSON.encode(value).decode()


class ReadingProgress(Protocol):
    """Receives how much was read or done so far, and the total if known."""

    def __call__(self, what: str, done: int, of: int | None = None, /) -> None:
        """Report `done` of `what`."""


def fields(rows: Iterable[tuple[str, str]], on: SafeConsole = out) -> None:
    """Print names and values, one per line: values are not truncated or wrapped, to be copied."""
    shown = list(rows)
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        on.print(f" {name:<{width}}  " + value.replace("\n", "\n" + " " * (width + 3)))


@contextmanager
def reading() -> Iterator[ReadingProgress]:
    """A running count of one thing after another; yields a function to call with (what, how many)."""
    told = time.monotonic()

    def update(what: str, done: int, of: int | None = None, /) -> None:
        nonlocal told
        text = f"{done:,} {what}" if of is None else f"{done:,} of {of:,} {what}"
        progress.update(task, description=text)
        if not err.is_terminal and time.monotonic() - told > LOG_EVERY_SECONDS:
            step(text)
            told = time.monotonic()

    with progress_bar(TextColumn("{task.description}", markup=False)) as progress:
        task = progress.add_task("", total=None)
        yield update


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Print steps of a long operation, one per line; a terminal shows the elapsed time below the last one."""

    def tell(text: str) -> None:
        step(text)
        progress.reset(task)

    with progress_bar() as progress:
        task = progress.add_task("", total=None)
        yield tell


@contextmanager
def working() -> Iterator[Callable[[str, str], None]]:
    """A live line of the current action and its object; yields a function to call with both."""
    told = time.monotonic()

    def update(doing: str, what: str) -> None:
        nonlocal told
        progress.update(task, description=f"{doing} {what}")
        if not err.is_terminal and time.monotonic() - told > LOG_EVERY_SECONDS:
            step(f"{doing} {what}")
            told = time.monotonic()

    with progress_bar(TextColumn("{task.description}", markup=False)) as progress:
        task = progress.add_task("", total=None)
        yield update
