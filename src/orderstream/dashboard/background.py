"""Runs long work of a page in a thread: shows its progress, and stops it when the page is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from nicegui import ui

from orderstream.dashboard import components
from orderstream.errors import OrderstreamError
from orderstream.progress import Progress

T = TypeVar("T")

_SECONDS_BETWEEN_REPORTS = 0.3


class PageLeftError(Exception):
    """Nobody waits for the result any more."""


async def run(work: Callable[[Progress], T], doing: str = "reading …") -> T | None:
    """The result of `work`; None after an error, which is shown in its place, or when the page was left."""
    with ui.row().classes("items-center gap-2") as place:
        ui.spinner()
        label = ui.label(doing).classes("text-sm opacity-70")
    seen: dict[str, int] = {}

    def note(what: str, done: int | None = None, of: int | None = None, /) -> None:
        if place.is_deleted:
            raise PageLeftError
        seen[what] = done or 0

    def show() -> None:
        if seen:
            label.set_text(", ".join(f"{done:,} {what}" for what, done in seen.items()))

    with place:
        ui.timer(_SECONDS_BETWEEN_REPORTS, show)
    result: T | None = None
    problem: OrderstreamError | None = None
    try:
        result = await asyncio.to_thread(work, note)
    except OrderstreamError as error:
        problem = error
    except PageLeftError:
        pass
    if place.is_deleted:
        return None
    place.clear()
    if problem is None:
        place.delete()
    else:
        with place:
            components.problem(problem)
    return result


@contextmanager
def disabled(*buttons: ui.button) -> Iterator[None]:
    """In the block, the buttons cannot be used."""
    for button in buttons:
        button.disable()
    try:
        yield
    finally:
        for button in buttons:
            # They are gone if the page was left.
            if not button.is_deleted:
                button.enable()
