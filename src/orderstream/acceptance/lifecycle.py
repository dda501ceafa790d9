"""The check of events: sent before their order, sent twice, and one that is forbidden."""

from __future__ import annotations

from typing import Any

from orderstream.acceptance.context import Context, Evidence, expect
from orderstream.acceptance.traffic import (
    ARRIVAL_SECONDS,
    SECONDS_FOR_READING,
    Order,
    new_orders,
    send,
    send_events,
)
from orderstream.domain.fold import is_placeholder
from orderstream.domain.lifecycle import NEEDS_AMOUNT, Transitions, event_names, first_status
from orderstream.domain.user_model import order_model
from orderstream.errors import NotShownError
from orderstream.pipeline.event_table import EventTable
from orderstream.pipeline.table import OrderTable


def events(context: Context) -> Evidence:
    """Send an event twice before its order, the order, and an event that is forbidden then."""
    allowed, forbidden = event_pair(order_model().TRANSITIONS)
    orders = OrderTable(context.cloud.dynamodb, context.deployment.table)
    rows = EventTable(context.cloud.dynamodb, context.deployment.events_table, orders)
    (order,) = sent = new_orders("events", 1)
    order_id = order["order_id"]

    def item() -> dict[str, Any]:
        return orders.read([order_id], lambda: SECONDS_FOR_READING).get(order_id, {})

    def waits() -> None:
        found = item()
        expect(found and is_placeholder(found), f"the event does not wait for its order: {_state(found)}")

    def has(version: int, forbidden_events: int) -> Evidence:
        found = item()
        state = found.get("Status"), found.get("Version"), found.get("Forbidden", 0), found.get("Pending")
        expect(state == (allowed, version, forbidden_events, None), f"the order is {_state(found)}")
        return {"status": allowed, "version": version, "events": len(rows.read(order_id))}

    early, late = _event(order, allowed, 1), _event(order, forbidden, 2)
    send_events(context, [early, early])
    context.until(waits, seconds=ARRIVAL_SECONDS, what="an event without its order")
    send(context, sent)
    context.until(lambda: has(2, 0), seconds=ARRIVAL_SECONDS, what="an event of an order")
    send_events(context, [late])
    found = context.until(lambda: has(3, 1), seconds=ARRIVAL_SECONDS, what="a forbidden event")
    expect(found["events"] == 2, f"{found['events']} events are stored, of 2 different ones")
    return {**found, "forbidden": forbidden}


def event_pair(transitions: Transitions) -> tuple[str, str]:
    """An event that can follow in the first status, and one that cannot follow after it.

    Raises NotShownError if the model has none.
    """
    plain = sorted((event_names(transitions) & transitions.keys()) - NEEDS_AMOUNT)
    for allowed in plain:
        if allowed in transitions[first_status(transitions)]:
            for forbidden in plain:
                if forbidden not in transitions[allowed]:
                    return allowed, forbidden
    raise NotShownError("the lifecycle of this order model forbids nothing after the first event")


def _event(order: Order, name: str, seq: int) -> Order:
    return {"order_id": order["order_id"], "event": name, "event_id": f"acceptance-{seq}", "seq": seq}


def _state(item: dict[str, Any]) -> str:
    shown = ("Status", "Version", "Forbidden", "Pending", "MissingSeq")
    return ", ".join(f"{name} {item[name]}" for name in shown if name in item) or "not there"
