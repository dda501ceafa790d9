"""Prints the history of an order, and the orders that wait, for people and programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.table import Column
from rich.text import Text

from orderstream.domain.currencies import money
from orderstream.domain.fields import timestamp
from orderstream.domain.lifecycle import first_status
from orderstream.domain.user_model import order_model
from orderstream.output.console import err, out, print_json
from orderstream.output.numbers import length
from orderstream.output.orders import moment
from orderstream.output.terminal import SafeTable

if TYPE_CHECKING:
    from orderstream.lookup.order_history import HistoryEvent, OrderHistory
    from orderstream.storage.order_events import WaitingOrder

_COLOURS = {"applied": "green", "waiting": "yellow", "duplicate": "dim"}


def print_history(found: OrderHistory, *, as_json: bool) -> None:
    """Print the events of an order in the order in which they apply, and the state."""
    if as_json:
        print_json(asdict(found))
        return
    currency = found.currency or ""
    table = SafeTable(
        Column("when (UTC)", no_wrap=True),
        Column("event", no_wrap=True),
        "effect",
        *(Column(name, justify="right") for name in ("amount", "total", "captured", "refunded")),
        "status",
    )
    if found.amount is not None:
        placed = first_status(order_model().TRANSITIONS)
        total = money(found.amount, currency)
        table.add_row(moment(found.received_at), "the order", "", total, total, "", "", placed)
    for one in found.events:
        after = (_money(value, currency) for value in (one.amount, one.total, one.captured, one.refunded))
        table.add_row(moment(one.occurred_at), one.event, _effect(one), *after, one.status or "")
    out.print(table)
    out.print(_summary(found))


def _effect(one: HistoryEvent) -> Text:
    said = f"{one.effect}: {one.reason}" if one.reason else one.effect
    return Text(said, _COLOURS.get(one.effect, "red"))


def _money(amount: Decimal | None, currency: str) -> str:
    return "" if amount is None else money(amount, currency)


def _summary(found: OrderHistory) -> str:
    state = found.state
    if state is None:
        return f"order {found.order_id} has not arrived: its events are applied when it does"
    currency = found.currency or ""
    said = (
        f"order {found.order_id} is {state['Status']}, balance {money(state['Balance'], currency)} {currency}"
    )
    if "MissingSeq" in state:
        said += f"; the event with seq {state['MissingSeq']} has not arrived, so this is provisional"
    return said


def print_waiting(orders: Iterable[WaitingOrder], now: datetime, *, as_json: bool) -> None:
    """Print the orders that wait for something, with their age at `now`."""
    table = SafeTable(
        Column("order", no_wrap=True), "waits for", Column("since (UTC)", no_wrap=True), "age", "events"
    )
    for one in orders:
        age = max(0.0, (now - timestamp(one.since)).total_seconds())
        events = [row["Event"] for row in one.events]
        if as_json:
            print_json(
                {
                    "order_id": one.order_id,
                    "pending": one.pending,
                    "missing_seq": one.missing_seq,
                    "since": one.since,
                    "age_seconds": round(age),
                    "events": events,
                }
            )
            continue
        missing = "the order" if one.missing_seq is None else f"seq {one.missing_seq}"
        table.add_row(one.order_id, missing, moment(one.since), length(age), ", ".join(events))
    if as_json:
        return
    if table.row_count:
        out.print(table)
    else:
        err.print("no order waits")
