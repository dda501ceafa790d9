"""What the tabs are made of: cards, tiles, charts, tables of orders, code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Any, Literal

import msgspec
from nicegui import ui

from orderstream.dashboard.time_format import TimeFormat, utc
from orderstream.domain.fields import money
from orderstream.errors import OrderstreamError
from orderstream.storage.orders import Item

# So many characters of what others have written are shown at most: more would slow the page down.
MOST_SHOWN = 20_000

Tone = Literal["", "warn", "bad"]
_TONES = {"warn": "text-orange-600 dark:text-orange-400", "bad": "text-red-600 dark:text-red-400"}
_CLOSE = [{"label": "OK", "color": "white"}]
_JSON = msgspec.json.Encoder(decimal_format="number")
_COLUMNS = (
    ("time", "arrived", "left"),
    ("order_id", "order", "left"),
    ("customer", "customer", "left"),
    ("amount", "amount", "right"),
    ("currency", "", "left"),
)


def card(title: str) -> ui.card:
    """A card with a title; what is made in its `with` block lies in it."""
    made = ui.card().classes("w-full p-3 gap-2 min-w-0").props("flat bordered")
    with made:
        if title:
            ui.label(title).classes("text-sm font-medium opacity-80")
    return made


class Tile:
    """A figure with its name above it and what belongs to it below."""

    def __init__(self, title: str) -> None:
        with ui.card().classes("w-full p-3 gap-0 min-w-0").props("flat bordered"):
            ui.label(title).classes("text-xs opacity-70")
            self._value = ui.label("–").classes("text-xl font-semibold")
            self._below = ui.label().classes("text-xs opacity-70")

    def set(self, value: str, below: str, tone: Tone = "") -> None:
        """Show a figure."""
        self._value.set_text(value)
        self._value.classes(replace=f"text-xl font-semibold {_TONES.get(tone, '')}")
        self._below.set_text(below)


def chart(title: str) -> ui.echart:
    """An empty chart in a card."""
    with card(title):
        return ui.echart({}).classes("w-full grow min-h-48")


def redraw(chart: ui.echart, options: dict[str, Any]) -> None:
    """Draw a chart anew, unless it is as it was."""
    if chart.options != options:
        chart.options.clear()
        chart.options.update(options)
        chart.update()


def orders_table(on_order: Callable[[str], Awaitable[None]]) -> ui.table:
    """A table of orders (see `order_rows`); `on_order` hears of the id of one that is clicked."""
    columns = [
        {"name": name, "label": label, "field": name, "align": align} for name, label, align in _COLUMNS
    ]
    table = ui.table(columns=columns, rows=[], row_key="order_id", pagination={"rowsPerPage": 10})
    table.classes("w-full").props("flat dense")
    with_utc(table)
    table.add_slot(
        "body-cell-order_id",
        '<q-td :props="props"><a role="link" tabindex="0"'
        ' class="cursor-pointer underline whitespace-nowrap"'
        " @click=\"$parent.$emit('order', props.row.order_id)\""
        " @keyup.enter=\"$parent.$emit('order', props.row.order_id)\">{{ props.value }}</a></q-td>",
    )
    table.on("order", lambda event: on_order(event.args))
    return table


def with_utc(table: ui.table) -> None:
    """Show the `utc` of a row over its `time`."""
    table.add_slot("body-cell-time", '<q-td :props="props" :title="props.row.utc">{{ props.value }}</q-td>')


def order_rows(orders: Iterable[Item], clock: TimeFormat) -> list[dict[str, str]]:
    """Rows for `orders_table`."""
    return [
        {
            "time": clock.text(order["ReceivedAt"]),
            "utc": utc(order["ReceivedAt"]),
            "order_id": order["OrderID"],
            "customer": order["CustomerID"],
            "amount": amount(order),
            "currency": order["Currency"],
        }
        for order in orders
    ]


def amount(order: Item) -> str:
    """What an order amounts to, as `money` has it, in groups of three digits."""
    return f"{Decimal(money(order['OrderAmount'], order['Currency'])):,f}"


def as_json(value: Any) -> str:
    """JSON to be read by people."""
    return msgspec.json.format(_JSON.encode(value), indent=2).decode()


def readable(data: bytes) -> str:
    """Bytes as text; what is no text as JSON has it for bytes, in hex."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.hex(" ")


def verbatim(text: str, data: bytes, name: str) -> None:
    """Text that others have written, as text: nothing in it is markup.

    What is long is cut; `data`, the bytes that it came from, can be saved whole, as a file called `name`.
    """
    with ui.row().classes("w-full items-center gap-2"):
        cut = f"; the first {MOST_SHOWN:,} characters are shown" if len(text) > MOST_SHOWN else ""
        ui.label(f"{len(data):,} bytes{cut}").classes("text-sm opacity-70")
        # No type that a browser shows: it only ever saves it.
        ui.button(
            "Save",
            icon="download",
            on_click=lambda: ui.download.content(data, name, "application/octet-stream"),
        ).props("flat dense no-caps")
    ui.label(text[:MOST_SHOWN]).classes(
        "w-full max-h-96 overflow-auto whitespace-pre-wrap break-all font-mono text-sm"
    )


def say_problem(error: OrderstreamError) -> None:
    """A problem with something that was asked for, in a notification that stays until it is read."""
    said = error.message + (f" — {error.hint}" if error.hint else "")
    ui.notify(said, type="negative", timeout=0, multi_line=True, actions=_CLOSE)
