"""Components of the tabs: cards, tiles, charts, order tables, code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Any, Literal

import msgspec
from nicegui import ui

from orderstream.dashboard.time_format import TimeFormat, utc
from orderstream.domain.currencies import money
from orderstream.errors import OrderstreamError
from orderstream.storage.orders import Item

# The maximum length of untrusted text that is shown: more would slow down the page.
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
    """A card with a title; elements created in its `with` block go into it."""
    made = ui.card().classes("w-full p-3 gap-2 min-w-0").props("flat bordered")
    with made:
        if title:
            ui.label(title).classes("text-sm font-medium opacity-80")
    return made


class Tile:
    """A figure with its name above and details below."""

    def __init__(self, title: str) -> None:
        with ui.card().classes("w-full p-3 gap-0 min-w-0").props("flat bordered"):
            ui.label(title).classes("text-xs opacity-70")
            self._value = ui.label("–").classes("text-xl font-semibold")
            self._below = ui.label().classes("text-xs opacity-70")

    def set(self, value: str, below: str, tone: Tone = "") -> None:
        """Show a figure and its details."""
        self._value.set_text(value)
        self._value.classes(replace=f"text-xl font-semibold {_TONES.get(tone, '')}")
        self._below.set_text(below)


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


def orders_table(on_order: Callable[[str], Awaitable[None]]) -> ui.table:
    """A table of orders (see `order_rows`); `on_order` is called with the id of a clicked order."""
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
    """An order's amount, formatted by `money`, in groups of three digits."""
    return f"{Decimal(money(order['OrderAmount'], order['Currency'])):,f}"


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
        "w-full max-h-96 overflow-auto whitespace-pre-wrap break-all font-mono text-sm"
    )


def say_problem(error: OrderstreamError) -> None:
    """Show an error of a user's action, in a notification that stays until it is dismissed."""
    said = error.message + (f" — {error.hint}" if error.hint else "")
    ui.notify(said, type="negative", timeout=0, multi_line=True, actions=_CLOSE)
