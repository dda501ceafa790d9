"""Apply events to orders: store each once, fold all events of its order, and update the item (G10).

An item is updated on the condition that its version is as read, one event at a time. So every state in
between is a version of its own, and of two writers one loses and reads again. `Applied` on the item says
which events its state has. Events of an order that has not arrived wait: a placeholder in the table of orders
tells the order's insert that they exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

import msgspec

from orderstream.domain.fold import (
    PENDING_ORDER,
    STATE,
    applied_hashes,
    is_placeholder,
    version_of,
)
from orderstream.domain.lifecycle import Transitions
from orderstream.domain.order_event import MAX_EVENTS, position_hash
from orderstream.pipeline.attributes import ENCODERS
from orderstream.pipeline.dynamo import CallFailedError
from orderstream.pipeline.event_table import EventTable, Row
from orderstream.pipeline.state_update import Plan, update_statement
from orderstream.pipeline.statements import Executed, Result
from orderstream.pipeline.table import OF_STATE, OrderTable, sizes_of

# How often an order is read again because another invocation changed it first. Lambda retries after that.
_ATTEMPTS = 20

Item = dict[str, Any]


class EventResult(Enum):
    """The outcome of one event. WAITING: it is stored, and its order has not arrived."""

    APPLIED = "applied"
    WAITING = "waiting"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    TOO_MANY = "too_many"
    RETRY = "retry"


class EventOutcome(msgspec.Struct, frozen=True):
    """The result for one event; `message` is DynamoDB's (refused, retry)."""

    result: EventResult
    message: str = ""


class Settled(msgspec.Struct):
    """Orders whose events wait, why others failed, and how many more events than before are forbidden."""

    waiting: set[str] = msgspec.field(default_factory=set)
    failed: dict[str, str] = msgspec.field(default_factory=dict)
    forbidden: int = 0


class Lifecycle:
    """Applies events to the orders in the table."""

    def __init__(
        self,
        orders: OrderTable,
        events: EventTable,
        transitions: Transitions,
    ) -> None:
        self._orders = orders
        self._events = events
        self._transitions = transitions

    def apply(self, rows: Sequence[Row], seconds_left: Callable[[], float]) -> tuple[list[EventOutcome], int]:
        """Store events and apply them to their orders; return an outcome for each, in order.

        The second value is how many more events are now forbidden. Rows with the same key are the same event.
        Raises CloudError if a table cannot be used at all.
        """
        items = self._orders.read(_order_ids(rows), seconds_left, OF_STATE)
        refused = self._beyond_limit(rows, items, seconds_left)
        first: dict[tuple[str, str], int] = {}
        for index, row in enumerate(rows):
            if index not in refused:
                first.setdefault((row["OrderID"], row["Position"]), index)
        inserted = self._events.insert([rows[index] for index in first.values()], seconds_left)
        executed = dict(zip(first.values(), inserted, strict=True))
        due = [
            rows[index]["OrderID"]
            for index, one in executed.items()
            if one.result is Result.DONE
            or (one.result is Result.EXISTS and not _is_applied(rows[index], items))
        ]
        settled = self.settle(due, seconds_left, items)
        outcomes = []
        for index, row in enumerate(rows):
            if index in refused:
                outcomes.append(EventOutcome(EventResult.TOO_MANY))
            else:
                of_key = first[row["OrderID"], row["Position"]]
                outcomes.append(_outcome(row["OrderID"], executed[of_key], settled, is_first=of_key == index))
        return outcomes, settled.forbidden

    def settle(
        self,
        order_ids: Sequence[str],
        seconds_left: Callable[[], float],
        read: Mapping[str, Item] | None = None,
    ) -> Settled:
        """Apply all stored events of orders that their items do not have yet.

        `read` are items as they were before the last of these events was stored. Where the time is over or
        DynamoDB is down, the order is in `failed`.
        """
        settled = Settled()
        left = list(dict.fromkeys(order_ids))
        items = dict(read or {})
        for attempt in range(_ATTEMPTS):
            if not left or (attempt and seconds_left() <= 0):
                break
            unread = [order_id for order_id in left if order_id not in items]
            if unread:
                items |= self._orders.read(unread, seconds_left, OF_STATE)
            left = self._settle_once(left, items, settled, seconds_left)
            # Whoever changed them first has written another version.
            items = {}
        for order_id in left:
            settled.failed.setdefault(order_id, "the order was changed by others at the same time")
        return settled

    def _settle_once(
        self,
        order_ids: Sequence[str],
        items: Mapping[str, Item],
        settled: Settled,
        seconds_left: Callable[[], float],
    ) -> list[str]:
        """Try once, and return the orders to try again."""
        again = self._wait_for([one for one in order_ids if one not in items], settled, seconds_left)
        there = [order_id for order_id in order_ids if order_id in items]
        settled.waiting |= {order_id for order_id in there if is_placeholder(items[order_id])}
        present = [order_id for order_id in there if order_id not in settled.waiting]
        plans = {
            order_id: self._plan(items[order_id], rows)
            for order_id, rows in self._read_events(present, settled, seconds_left)
        }
        while plans := {order_id: plan for order_id, plan in plans.items() if plan.is_due}:
            states = [plan.next_state(self._transitions) for plan in plans.values()]
            done = self._update(list(plans.values()), states, seconds_left)
            for (order_id, plan), state, executed in zip(list(plans.items()), states, done, strict=True):
                if executed.result is Result.DONE:
                    settled.forbidden += plan.advance(state)
                    continue
                del plans[order_id]
                if executed.result is Result.CHANGED:
                    again.append(order_id)
                else:
                    settled.failed[order_id] = executed.message
            if seconds_left() <= 0:
                settled.failed |= {i: "out of time" for i, plan in plans.items() if plan.is_due}
                break
        return again

    def _plan(self, item: Item, rows: Sequence[Row]) -> Plan:
        return Plan(item, rows)

    def _read_events(
        self, order_ids: Sequence[str], settled: Settled, seconds_left: Callable[[], float]
    ) -> Iterator[tuple[str, list[Row]]]:
        """The events of each order; those that cannot be read have failed."""
        for order_id, rows in self._events.read_each(order_ids, seconds_left):
            if isinstance(rows, CallFailedError):
                settled.failed[order_id] = str(rows)
            else:
                yield order_id, rows

    def _wait_for(
        self, order_ids: Sequence[str], settled: Settled, seconds_left: Callable[[], float]
    ) -> list[str]:
        """Leave a placeholder for each order that is not there; return those that came meanwhile."""
        placeholders = []
        for order_id, rows in self._read_events(order_ids, settled, seconds_left):
            # None if they were erased meanwhile.
            if rows:
                since = min(row["ReceivedAt"] for row in rows)
                placeholders.append({"OrderID": order_id, "Pending": PENDING_ORDER, "PendingSince": since})
        came: list[str] = []
        done = self._orders.put_absent(placeholders, seconds_left)
        for order_id, executed in zip((one["OrderID"] for one in placeholders), done, strict=True):
            if executed.result is Result.DONE:
                settled.waiting.add(order_id)
            elif executed.result is Result.EXISTS:
                came.append(order_id)
            else:
                settled.failed[order_id] = executed.message
        return came

    def _update(
        self, plans: Sequence[Plan], states: Sequence[Item], seconds_left: Callable[[], float]
    ) -> list[Executed]:
        """Write the next state of each item, if it still has the version that was read."""

        def render(index: int) -> tuple[str, list[dict[str, Any]]]:
            item, state = plans[index].item, states[index]
            gone = [name for name in STATE if name in item and name not in state]
            text, values = update_statement(self._orders.name, state, gone, item)
            return text, [ENCODERS[type(value)](value) for value in values]

        return self._orders.statements.execute(render, sizes_of(states), seconds_left)

    def _beyond_limit(
        self, rows: Sequence[Row], items: Mapping[str, Item], seconds_left: Callable[[], float]
    ) -> set[int]:
        """The indices of new events of orders that have as many as an order can have."""
        refused: set[int] = set()
        waiting = [i for i in _order_ids(rows) if i in items and is_placeholder(items[i])]
        known = {
            order_id: {row["Position"] for row in found}
            for order_id, found in self._events.read_each(waiting, seconds_left)
            if not isinstance(found, CallFailedError)
        }
        for index, row in enumerate(rows):
            order_id = row["OrderID"]
            if order_id in known:
                positions = known[order_id]
                is_new = row["Position"] not in positions
                if is_new and len(positions) >= MAX_EVENTS:
                    refused.add(index)
                positions.add(row["Position"])
            elif version_of(items.get(order_id, {})) > MAX_EVENTS and not _is_applied(row, items):
                refused.add(index)
        return refused


def _order_ids(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["OrderID"] for row in rows))


def _is_applied(row: Row, items: Mapping[str, Item]) -> bool:
    item = items.get(row["OrderID"])
    return item is not None and position_hash(row["Position"]) in applied_hashes(item)


def _outcome(order_id: str, executed: Executed, settled: Settled, *, is_first: bool) -> EventOutcome:
    if executed.result is Result.RETRY:
        return EventOutcome(EventResult.RETRY, executed.message)
    if executed.result is Result.REFUSED:
        return EventOutcome(EventResult.REFUSED, executed.message)
    if order_id in settled.failed:
        return EventOutcome(EventResult.RETRY, settled.failed[order_id])
    if executed.result is Result.EXISTS or not is_first:
        return EventOutcome(EventResult.DUPLICATE)
    return EventOutcome(EventResult.WAITING if order_id in settled.waiting else EventResult.APPLIED)
