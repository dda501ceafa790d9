"""Writes data to standard output and everything else to standard error."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.text import Text

from orderstream.errors import InputError, NotConfirmedError, OrderstreamError
from orderstream.output.terminal import SafeConsole, escaped
from orderstream.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as LiveLine
    from rich.progress import ProgressColumn, Task

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


def confirm(question: str, *, doing: str, name: str = "", only_at_terminal: bool = False) -> None:
    """Ask for confirmation on standard error. Raises NotConfirmedError unless the answer is yes.

    With `name`, that is what has to be typed. Outside a terminal nobody can be asked: then this is an error
    or, with `only_at_terminal`, printed, and the command goes on.
    """
    if only_at_terminal and not sys.stdin.isatty():
        step("standard input is not a terminal: going on without asking")
        return
    require_terminal(doing)
    err.print(question + (f" Type {name} to go on: " if name else " [y/N] "), end="")
    answer = sys.stdin.readline().strip()
    if name and answer != name:
        raise NotConfirmedError(
            f"{name} was not typed: nothing was changed", hint="--yes does not ask; --dry-run changes nothing"
        )
    if not name and answer.lower() not in {"y", "yes"}:
        raise NotConfirmedError(f"{doing} was not confirmed: nothing was changed", hint="--yes does not ask")


def text_of(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value if isinstance(value, str) else _JSON.encode(value).decode()


def fields(rows: Iterable[tuple[str, str]], on: SafeConsole = out) -> None:
    """Print names and values, one per line: values are not truncated or wrapped, to be copied."""
    shown = list(rows)
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        on.print(f" {name:<{width}}  " + value.replace("\n", "\n" + " " * (width + 3)))


@contextmanager
def progress() -> Iterator[Progress]:
    """A live line of how far an operation has come; in a log, a line every few seconds."""
    # Only a command that waits for something needs these.
    from rich.progress import ProgressColumn

    class Latest(ProgressColumn):
        """What was reported last, formatted whenever the line is drawn."""

        report: tuple[str, int | None, int | None] = ("", None, None)

        def render(self, task: Task) -> Text:
            return Text(_described(*self.report))

    latest = Latest()
    told = time.monotonic()

    def update(what: str, done: int | None = None, of: int | None = None, /) -> None:
        nonlocal told
        latest.report = what, done, of
        if not err.is_terminal and time.monotonic() - told > LOG_EVERY_SECONDS:
            step(_described(what, done, of))
            told = time.monotonic()

    with _live_line(latest) as line:
        line.add_task("")
        yield update


def _described(what: str, done: int | None, of: int | None) -> str:
    if done is None:
        return what
    return f"{done:,} {what}" if of is None else f"{done:,} of {of:,} {what}"


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Print steps of a long operation, one per line; a terminal shows the elapsed time below the last one."""

    def tell(text: str) -> None:
        step(text)
        line.reset(task)

    with _live_line() as line:
        task = line.add_task("")
        yield tell


def _live_line(*columns: ProgressColumn) -> LiveLine:
    from rich.progress import Progress as LiveLine
    from rich.progress import SpinnerColumn, TimeElapsedColumn

    # Without a terminal, it would only leave blank lines in a log.
    return LiveLine(
        SpinnerColumn(),
        *columns,
        TimeElapsedColumn(),
        console=err,
        disable=not err.is_terminal,
        transient=True,
    )
