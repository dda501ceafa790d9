"""The filters of the list of orders: as they are in its address, and the form that writes them there."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, get_args

from nicegui import ui
from nicegui.elements.mixins.value_element import ValueElement

from orderstream.dashboard import links
from orderstream.dashboard.order_table import STATUSES
from orderstream.dashboard.viewer import Viewer
from orderstream.domain.fields import InvalidValue, exact_number, timestamp, utc_text
from orderstream.domain.user_model import order_model
from orderstream.errors import InputError
from orderstream.lookup.newest_records import Position
from orderstream.lookup.order_search import OrderFilter, OrderStatus, known_status
from orderstream.storage.bucket import TimeRange

# Before the status of an order, so that it is none of STATUSES.
_OF_ORDER = "order."


def _statuses() -> dict[str, str]:
    found = {"": "Any status", "stored": STATUSES["stored"]}
    found |= {f"{_OF_ORDER}{name}": f"Stored, {name}" for name in order_model().TRANSITIONS}
    return found | {str(name): text for name, text in STATUSES.items()}


def read_filter(asked: dict[str, str]) -> OrderFilter:
    """The filter in the parameters of an address. Raises InputError."""
    status: OrderStatus | None = None
    for one in get_args(OrderStatus):
        if one == asked["status"]:
            status = one
    order_status = ""
    if asked["status"].startswith(_OF_ORDER):
        order_status = known_status(asked["status"].removeprefix(_OF_ORDER))
    elif asked["status"] and status is None:
        raise InputError(
            f"there is no status {asked['status']!r}", hint=f"it is one of {', '.join(STATUSES)}"
        )
    return OrderFilter(
        customer=asked["customer"],
        status=status,
        order_status=order_status,
        least=_amount(asked["least"]),
        most=_amount(asked["most"]),
        span=TimeRange(_time(asked["since"]), _time(asked["until"])),
    )


def position_of(text: str) -> Position | None:
    """The place in the parameter `before` of an address; None if it is empty."""
    at, _, rest = text.partition(",")
    return (at, rest) if at else None


def text_of(place: Position) -> str:
    """A place as `position_of` reads it."""
    return ",".join(place)


def _amount(text: str) -> Decimal | None:
    try:
        return exact_number(text) if text else None
    except InvalidValue as error:
        raise InputError(f"the amount {text!r} {error.message}") from None


def _time(text: str) -> datetime | None:
    try:
        return timestamp(text) if text else None
    except InvalidValue as error:
        raise InputError(f"the time {text!r} {error.message}") from None


class FilterForm:
    """The form. It opens the address with the filters, or that of the order whose id was typed."""

    def __init__(self, viewer: Viewer, asked: dict[str, str]) -> None:
        self._viewer = viewer
        zone = viewer.clock.zone
        with ui.grid().classes("w-full grid-cols-2 md:grid-cols-4 gap-2 items-center"):
            self._order = self._input("Order id", "")
            self._inputs: dict[str, ValueElement[Any]] = {
                "customer": self._input("Customer", asked["customer"]),
                "status": ui.select(_statuses(), value=self._status(asked), label="Status")
                .classes("w-full")
                .props("outlined dense"),
                "least": self._input("Amount from", asked["least"], "inputmode=decimal"),
                "most": self._input("Amount to", asked["most"], "inputmode=decimal"),
                "since": self._time(f"From ({zone})", asked["since"]),
                "until": self._time(f"To ({zone})", asked["until"]),
            }
            with ui.row().classes("gap-2 no-wrap"):
                ui.button("Search", on_click=self._search).props("unelevated no-caps")
                ui.button("Clear", on_click=lambda: ui.navigate.to(links.orders())).props("flat no-caps")

    def _input(self, label: str, value: str, props: str = "") -> ui.input:
        field = ui.input(label, value=value).classes("w-full").props(f"outlined dense {props}")
        field.on("keydown.enter", self._search)
        return field

    def _time(self, label: str, value: str) -> ui.input:
        try:
            moment = _time(value)
        except InputError:
            moment = None
        text = self._viewer.clock.field(moment) if moment else ""
        return self._input(label, text, "type=datetime-local stack-label")

    @staticmethod
    def _status(asked: dict[str, str]) -> str:
        return asked["status"] if asked["status"] in _statuses() else ""

    def _search(self) -> None:
        order_id = (self._order.value or "").strip()
        if order_id:
            ui.navigate.to(links.order(order_id))
            return
        typed = {name: (field.value or "").strip() for name, field in self._inputs.items()}
        for name in ("since", "until"):
            moment = self._viewer.clock.typed(typed[name])
            typed[name] = utc_text(moment) if moment else ""
        ui.navigate.to(links.orders(**typed))
