"""Compare the state of each order with its events in the table OrderEvents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from orderstream.aws.deployment import Deployment
from orderstream.domain.fold import (
    PENDING_ORDER,
    STATE,
    applied_hashes,
    fold,
    is_placeholder,
    split_by_applied,
)
from orderstream.domain.user_model import order_model
from orderstream.recovery.reconciliation_store import Discrepancy, ReconciliationStore
from orderstream.storage.bucket import TimeRange
from orderstream.storage.order_events import Row, read_events_of
from orderstream.storage.orders import Item, stored_items

_AT_A_TIME = 100


class StateDiscrepancy(NamedTuple):
    """What is wrong between an order and its events."""

    order_id: str
    found: Discrepancy


def state_discrepancies(
    store: ReconciliationStore, deployment: Deployment, span: TimeRange, settled: str
) -> Iterator[StateDiscrepancy]:
    """The discrepancies of orders of which anything arrived in `span`.

    An event that arrived since `settled` (UTC text) may be on its way. Orders change while they are scanned,
    so those that seem to differ are read again.
    """
    suspicious = (
        order.order_id
        for order in store.events.orders()
        if any(map(span.contains, order.arrivals))
        and compare(order.order_id, order.item, order.events, settled)
    )
    while order_ids := list(islice(suspicious, _AT_A_TIME)):
        items = stored_items(deployment, order_ids)
        # Events are read after the items and never change, so these are all that the items may have.
        for order_id, rows in read_events_of(deployment, order_ids):
            for one in compare(order_id, items.get(order_id), rows, settled):
                yield StateDiscrepancy(order_id, one)


def compare(order_id: str, item: Item | None, rows: Sequence[Row], settled: str) -> list[Discrepancy]:
    """The discrepancies between an order's item, None if there is none, and its events.

    The rows must have been read after the item.
    """
    if item is not None and is_placeholder(item):
        return []
    applied = applied_hashes(item or {})
    _, late = split_by_applied(item or {}, rows)
    found = [
        Discrepancy("event_not_applied", row["EventID"], f"{row['Event']}, of order {order_id}")
        for row in late
        if row["ReceivedAt"] < settled
    ]
    gone = len(applied) - (len(rows) - len(late))
    if gone:
        found.append(Discrepancy("event_missing", order_id, f"{gone} of {len(applied)} events"))
    # Items without these were not made here: their bytes are missing.
    elif item is not None and item.keys() >= {"OrderAmount", "ReceivedAt"}:
        expected = expected_state(item, rows)
        # An order stays pending until the last of its events is applied.
        ignored = ("Pending", "PendingSince") if late and item.get("Pending") == PENDING_ORDER else ()
        texts = [
            f"{name} is {item.get(name, 'absent')}, not {expected.get(name, 'absent')}"
            for name in STATE
            if name not in ignored and item.get(name) != expected.get(name)
        ]
        if texts:
            found.append(Discrepancy("state_differs", order_id, "; ".join(texts)))
    return found


def expected_state(item: Item, rows: Sequence[Row]) -> Mapping[str, Any]:
    """The state of an item that follows from those of the events that it has."""
    known, _ = split_by_applied(item, rows)
    if not known and "Version" not in item:
        # An item without events has only the status that it was stored with.
        return {name: item[name] for name in ("Status",) if name in item}
    return fold(item, known, order_model().TRANSITIONS).state | {"Version": item.get("Version", 1)}
