"""Components of the pages: cards, tiles, charts, times, problems, untrusted text."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from nicegui import ui

from orderstream.dashboard.tiles import TileText
from orderstream.dashboard.time_format import TimeFormat, utc
from orderstream.errors import OrderstreamError

# The maximum length of untrusted text that is shown: more would slow down the page.
MOST_SHOWN = 20_000

_TONES = {"warn": "text-orange-600 dark:text-orange-400", "bad": "text-red-600 dark:text-red-400"}
_CLOSE = [{"label": "OK", "color": "white"}]
_JSON = msgspec.json.Encoder(decimal_format="number")


def card(title: str) -> ui.card:
    """A card with a title; elements created in its `with` block go into it."""
    made = ui.card().classes("w-full p-3 gap-2 min-w-0").props("flat bordered")
    with made:
        if title:
            ui.label(title).classes("text-sm font-medium opacity-80")
    return made


class Tile:
    """A figure with its title above and details below."""

    def __init__(self) -> None:
        with ui.card().classes("w-full p-3 gap-0 min-w-0").props("flat bordered"):
            self._title = ui.label().classes("text-xs opacity-70")
            self._value = ui.label("–").classes("text-xl font-semibold")
            self._below = ui.label().classes("text-xs opacity-70")

    def set(self, shown: TileText) -> None:
        """Show a figure."""
        self._title.set_text(shown.title)
        self._value.set_text(shown.value)
        self._value.classes(replace=f"text-xl font-semibold {_TONES.get(shown.tone, '')}")
        self._below.set_text(shown.below)


def chart(title: str) -> ui.echart:
    """An empty chart in a card."""
    with card(title):
        return ui.echart({}).classes("w-full grow min-h-48")


def redraw(chart: ui.echart, options: dict[str, Any]) -> None:
    """Redraw a chart, unless it is unchanged."""
    if chart.options != options:
        chart.options.clear()
        chart.options.update(options)
        chart.update()


def as_json(value: Any) -> str:
    """JSON formatted for people."""
    return msgspec.json.format(_JSON.encode(value), indent=2).decode()


def readable(data: bytes) -> str:
    """Bytes as text, or in hex if they are not text."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.hex(" ")


def verbatim(text: str, data: bytes, name: str) -> None:
    """Show untrusted text as plain text, without any markup.

    Long text is truncated; `data`, the original bytes, can be downloaded in full as a file called `name`.
    """
    with ui.row().classes("w-full items-center gap-2"):
        cut = f"; the first {MOST_SHOWN:,} characters are shown" if len(text) > MOST_SHOWN else ""
        ui.label(f"{len(data):,} bytes{cut}").classes("text-sm opacity-70")
        # A type that browsers do not display: they only save it.
        ui.button(
            "Save",
            icon="download",
            on_click=lambda: ui.download.content(data, name, "application/octet-stream"),
        ).props("flat dense no-caps")
    ui.label(text[:MOST_SHOWN]).classes(
        "w-full max-h-[44rem] overflow-auto whitespace-pre-wrap break-all font-mono text-sm"
    )


def time(clock: TimeFormat, at: datetime | str) -> ui.label:
    """A time in the viewer's zone, with UTC on hover."""
    return ui.label(clock.text(at)).props(f'title="{utc(at)}"').classes("whitespace-nowrap")


def problem(error: OrderstreamError) -> None:
    """Show an error where its result would be."""
    with ui.column().classes("gap-0 min-w-0"):
        ui.label(error.message).classes("break-words text-red-600 dark:text-red-400")
        if error.hint:
            ui.label(error.hint).classes("break-words text-sm opacity-70")


async def is_confirmed(question: str, answer: str) -> bool:
    """Whether the user confirms; `answer` is the button that does."""
    with ui.dialog() as dialog, ui.card():
        ui.label(question)
        with ui.row().classes("w-full justify-end"):
            ui.button("Cancel", on_click=lambda: dialog.submit(False)).props("flat")
            ui.button(answer, on_click=lambda: dialog.submit(True)).props("unelevated")
    confirmed = bool(await dialog)
    dialog.delete()
    return confirmed


def say_problem(error: OrderstreamError) -> None:
    """Show an error of a user's action, in a notification that stays until it is dismissed."""
    said = error.message + (f" — {error.hint}" if error.hint else "")
    ui.notify(said, type="negative", timeout=0, multi_line=True, actions=_CLOSE)
