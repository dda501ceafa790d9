"""The timeline of an order: its events in the order in which they apply, with what each does."""

from __future__ import annotations

from decimal import Decimal

from nicegui import ui

from orderstream.dashboard import components
from orderstream.dashboard.order_table import in_groups
from orderstream.dashboard.time_format import TimeFormat
from orderstream.domain.lifecycle import first_status
from orderstream.domain.user_model import order_model
from orderstream.lookup.order_history import HistoryEvent, OrderHistory

# The icon of each effect, and the color of its mark.
_EFFECTS = {
    "applied": ("check_circle", ""),
    "waiting": ("hourglass_empty", "grey-7"),
    "duplicate": ("content_copy", "grey-7"),
    "forbidden": ("block", "negative"),
    "conflict": ("error_outline", "negative"),
}
# An amount can be wider than a narrow screen.
_WRAP = "overflow-wrap: anywhere"
# The other fields of an event are untrusted, and of any length.
_MOST_CHARACTERS = 300


def draw_timeline(clock: TimeFormat, found: OrderHistory) -> None:
    """Draw the events, one below the other, and the state above them."""
    with components.card("Timeline"):
        state = found.state
        if state is None:
            ui.label("The order has not arrived. Its events are applied when it does.")
        else:
            sums = {name: _money(found, state[name]) for name in ("Total", "Captured", "Refunded", "Balance")}
            with ui.row().classes("w-full items-baseline gap-x-4 gap-y-0"):
                ui.label(str(state["Status"])).classes("text-lg font-semibold")
                for name, amount in sums.items():
                    ui.label(f"{name} {amount}").style(_WRAP)
            if "MissingSeq" in state:
                missing = f"The event with seq {state['MissingSeq']} has not arrived: this is provisional."
                ui.label(missing).classes("text-orange-700 dark:text-orange-400")
        if found.received_at is not None:
            placed = first_status(order_model().TRANSITIONS)
            with _step("add_circle_outline", placed, clock, found.received_at):
                _detail(f"total {_money(found, found.amount)}")
        nothing = Decimal(0)
        money = {"total": found.amount, "captured": nothing, "refunded": nothing}
        for one in found.events:
            icon, color = _EFFECTS[one.effect]
            with _step(icon, one.event, clock, one.occurred_at, one.effect if color else "", color):
                for line in filter(None, (one.reason, _what(found, one, money), _others(one))):
                    _detail(line)


def _step(icon: str, name: str, clock: TimeFormat, at: str, mark: str = "", color: str = "") -> ui.column:
    with ui.row().classes("w-full flex-nowrap gap-x-3 py-1 border-b border-gray-500/20"):
        ui.icon(icon).classes("text-xl opacity-80")
        with ui.column().classes("gap-0 min-w-0") as column:
            with ui.row().classes("gap-x-3 gap-y-0 items-baseline"):
                ui.label(name).classes("font-medium")
                if mark:
                    ui.badge(mark).props(f"color={color}")
                components.time(clock, at).classes("text-sm opacity-70")
    return column


def _detail(text: str) -> None:
    ui.label(text).classes("text-sm opacity-70").style(_WRAP)


def _what(found: OrderHistory, one: HistoryEvent, money: dict[str, Decimal | None]) -> str:
    """The event's own amount, and what it changes in `money`, which is updated."""
    said = [f"seq {one.seq}"] if one.seq is not None else []
    if one.amount is not None:
        said.append(f"amount {_money(found, one.amount)}")
    if one.effect == "applied":
        after = {"total": one.total, "captured": one.captured, "refunded": one.refunded}
        said += [f"{name} {_money(found, value)}" for name, value in after.items() if value != money[name]]
        money |= after
    return " · ".join(said)


def _others(one: HistoryEvent) -> str:
    text = one.details or ""
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]} …"


def _money(found: OrderHistory, amount: object) -> str:
    currency = found.currency or ""
    return f"{in_groups(Decimal(str(amount)), currency)} {currency}".strip()
