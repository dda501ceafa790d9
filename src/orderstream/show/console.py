"""What people and programs see: data on standard output, everything else on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Protocol

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from orderstream.errors import NotConfirmedError, OrderstreamError

out = Console()
err = Console(stderr=True, highlight=False)

LOG_EVERY_SECONDS = 3.0

_JSON = msgspec.json.Encoder(decimal_format="number")


def print_json(value: Any) -> None:
    """One value as one line of JSON on standard output; Decimals as exact numbers."""
    sys.stdout.buffer.write(_JSON.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def step(text: str) -> None:
    """A step of long work."""
    err.print(f"[dim]•[/dim] {escape(text)}")


def problem(text: str) -> None:
    """Something went wrong, and the work goes on."""
    err.print(f"[yellow]warning:[/yellow] {escape(text)}")


def error(failure: OrderstreamError) -> None:
    """Why a verb failed, and what to do."""
    err.print(f"[red]error:[/red] {escape(failure.message)}", soft_wrap=True)
    if failure.hint:
        err.print(f"[cyan]hint:[/cyan] {escape(failure.hint)}", soft_wrap=True)


def confirm(question: str, *, hint: str) -> None:
    """Ask on standard error. Raises NotConfirmedError unless the answer is yes."""
    if _answer(f"{question} [y/N] ").lower() not in {"y", "yes"}:
        raise NotConfirmedError("nothing was changed", hint=hint)


def type_name(name: str, *, hint: str) -> None:
    """Have `name` typed. Raises NotConfirmedError if it was not."""
    if _answer(f"It cannot be undone. Type {name} to go on: ") != name:
        raise NotConfirmedError(f"{name} was not typed, and nothing was changed", hint=hint)


def _answer(question: str) -> str:
    err.print(escape(question), end="", soft_wrap=True)
    answer = sys.stdin.readline()
    if not sys.stdin.isatty():
        err.print()
    return answer.strip()


def bar(*columns: ProgressColumn) -> Progress:
    # A bar is for eyes; where there are none, it would only leave blank lines in a log.
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
    """A progress bar, or a line every few seconds in a log; the block calls what it gets with (done, of)."""
    told = 0.0

    def update(done: int, of: int) -> None:
        nonlocal told
        progress.update(task, completed=done, total=of)
        if not err.is_terminal and time.monotonic() - told > LOG_EVERY_SECONDS:
            step(f"{text}: {done:,} of {of:,}")
            told = time.monotonic()

    with bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()) as progress:
        task = progress.add_task(text, total=None)
        yield update


def text_of(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value if isinstance(value, str) else _JSON.encode(value).decode()


class Reading(Protocol):
    """Hears how much of what was read or done so far, and of how much if that is known."""

    def __call__(self, what: str, done: int, of: int | None = None, /) -> None:
        """`done` of `what`."""


@contextmanager
def reading() -> Iterator[Reading]:
    """A running count of one thing after the other; the block calls what it gets with (what, how many)."""
    told = time.monotonic()

    def update(what: str, done: int, of: int | None = None, /) -> None:
        nonlocal told
        text = f"{done:,} {what}" if of is None else f"{done:,} of {of:,} {what}"
        progress.update(task, description=text)
        if not err.is_terminal and time.monotonic() - told > LOG_EVERY_SECONDS:
            step(text)
            told = time.monotonic()

    with bar(TextColumn("{task.description}")) as progress:
        task = progress.add_task("", total=None)
        yield update


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Steps of long work, a line each; at a terminal the time runs below the last one while it takes."""

    def tell(text: str) -> None:
        step(text)
        progress.reset(task)

    with bar() as progress:
        task = progress.add_task("", total=None)
        yield tell


@contextmanager
def working() -> Iterator[Callable[[str, str], None]]:
    """A running line of what is done to what; the block calls what it gets with both."""
    told = time.monotonic()

    def update(doing: str, what: str) -> None:
        nonlocal told
        progress.update(task, description=f"{doing} {what}")
        if not err.is_terminal and time.monotonic() - told > LOG_EVERY_SECONDS:
            step(f"{doing} {what}")
            told = time.monotonic()

    with bar(TextColumn("{task.description}")) as progress:
        task = progress.add_task("", total=None)
        yield update
