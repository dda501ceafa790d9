"""The history of an order: its events in the order in which they apply, what each does, and the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from orderstream.aws.deployment import Deployment
from orderstream.domain.fields import utc_text
from orderstream.domain.fold import Step, fold, in_order
from orderstream.domain.user_model import order_model
from orderstream.errors import NotFoundError
from orderstream.storage.order_events import read_events
from orderstream.storage.orders import get_order

# The effect of an event whose order has not arrived; of others it is the Effect of the fold.
WAITING = "waiting"
ORDER_MISSING = "its order has not arrived"


@dataclass(frozen=True)
class HistoryEvent:
    """An event, what it does, and the status and the money of the order after it; None while it waits.

    `effect` is applied, forbidden, conflict, duplicate or waiting; `reason` is why it has none. `event_id` is
    the record in the stream, `producer_event_id` the id that the producer gave. Times are UTC text.
    """

    event: str
    occurred_at: str
    received_at: str
    effect: str
    reason: str
    event_id: str
    producer_event_id: str | None
    seq: int | None
    amount: Decimal | None
    currency: str | None
    items: list[Any] | None
    details: str | None
    status: str | None = None
    total: Decimal | None = None
    captured: Decimal | None = None
    refunded: Decimal | None = None


@dataclass(frozen=True)
class OrderHistory:
    """The events of an order, in the order in which they apply, and the `state` that follows from them.

    `state` has the attributes that the item has of it. Until the order arrives, it is None, and so are
    `received_at` (UTC text), `amount` and `currency`, which are those of the order as it was sent.
    """

    order_id: str
    received_at: str | None
    amount: Decimal | None
    currency: str | None
    state: dict[str, Any] | None
    events: list[HistoryEvent]


def order_history(deployment: Deployment, order_id: str, as_of: datetime | None = None) -> OrderHistory:
    """The history of an order. With `as_of` (aware), as if no event had occurred after it.

    Raises NotFoundError if neither the order nor an event of it has arrived.
    """
    try:
        item = get_order(deployment, order_id)
    except NotFoundError:
        rows = read_events(deployment, order_id)
        if not rows:
            raise
        events = [_waiting(row) for row in in_order(_until(rows, as_of))]
        return OrderHistory(order_id, None, None, None, None, events)
    rows = _until(read_events(deployment, order_id), as_of)
    folded = fold(item, rows, order_model().TRANSITIONS)
    state = {name: value for name, value in folded.state.items() if name != "Applied"}
    return OrderHistory(
        order_id,
        item["ReceivedAt"],
        item["OrderAmount"],
        item["Currency"],
        state,
        [_after(step) for step in folded.steps],
    )


def _until(rows: list[dict[str, Any]], as_of: datetime | None) -> list[dict[str, Any]]:
    return [row for row in rows if as_of is None or row["OccurredAt"] <= utc_text(as_of)]


def _waiting(row: Mapping[str, Any]) -> HistoryEvent:
    return HistoryEvent(**_fields(row), effect=WAITING, reason=ORDER_MISSING)


def _after(step: Step) -> HistoryEvent:
    return HistoryEvent(
        **_fields(step.row),
        effect=step.effect.value,
        reason=step.reason,
        status=step.status,
        total=step.total,
        captured=step.captured,
        refunded=step.refunded,
    )


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "event": row["Event"],
        "occurred_at": row["OccurredAt"],
        "received_at": row["ReceivedAt"],
        "event_id": row["EventID"],
        "producer_event_id": row.get("ProducerEventID"),
        "seq": int(row["Seq"]) if "Seq" in row else None,
        "amount": row.get("Amount"),
        "currency": row.get("Currency"),
        "items": row.get("Items"),
        "details": row.get("Details"),
    }
