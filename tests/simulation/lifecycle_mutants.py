"""Ways to apply events that are nearly right. The simulation must find every one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orderstream.domain.fold import PENDING_ORDER, fold, version_of
from orderstream.domain.lifecycle import TRANSITIONS, Transitions
from orderstream.pipeline.attributes import plain_value
from orderstream.pipeline.event_table import EventTable, Row
from orderstream.pipeline.lifecycle import Item, Lifecycle, Plan, Settled
from orderstream.pipeline.statements import Executed, Result
from orderstream.pipeline.table import OrderTable
from orderstream.testing.fakes import FakeDynamo
from tests.simulation.mutants import with_parts
from tests.simulation.pipelines import Pipeline

Seconds = Callable[[], float]


class KnownEvents(EventTable):
    """Notes the orders of events that were there already."""

    known: frozenset[str] = frozenset()

    def insert(self, rows: Sequence[Row], seconds_left: Seconds) -> list[Executed]:
        found = super().insert(rows, seconds_left)
        self.known = frozenset(
            row["OrderID"] for row, one in zip(rows, found, strict=True) if one.result is Result.EXISTS
        )
        return found


class TrustingLifecycle(Lifecycle):
    """Takes an event that is stored for one that is applied."""

    def settle(
        self, order_ids: Sequence[str], seconds_left: Seconds, read: Mapping[str, Item] | None = None
    ) -> Settled:
        assert isinstance(self._events, KnownEvents)
        known = self._events.known
        return super().settle([one for one in order_ids if one not in known], seconds_left, read)


class SilentLifecycle(Lifecycle):
    """Leaves no placeholder for an order that has not arrived."""

    def _wait_for(self, order_ids: Sequence[str], settled: Settled, seconds_left: Seconds) -> list[str]:
        settled.waiting.update(order_ids)
        return []


class StaleLifecycle(Lifecycle):
    """Writes its state over whatever was written since it read the item."""

    def _update(self, plans: Sequence[Plan], states: Sequence[Item], left: Seconds) -> list[Executed]:
        client: FakeDynamo = self._orders.statements.client
        for plan, state in zip(plans, states, strict=True):
            now = plain_value({"M": client.items[plan.item["OrderID"]]})
            state["Version"] = version_of(now) + 1
            plan.item.pop("Version", None)
            plan.item |= {name: now[name] for name in ("Version",) if name in now}
        return super()._update(plans, states, left)


class HastyPlan(Plan):
    """Applies all events in one version."""

    def next_state(self, transitions: Transitions) -> Item:
        state = fold(self.item, [*self.known, *self.todo], transitions).state
        return state | {"Version": version_of(self.item) + 1}

    def advance(self, state: Item) -> int:
        self.todo.clear()
        return 0


class ArrivingPlan(Plan):
    """Applies events in the order in which they come, and not in that in which they happened."""

    def next_state(self, transitions: Transitions) -> Item:
        real = super().next_state(transitions)
        rows = [{**row, "Seq": place} for place, row in enumerate([*self.known, *self.todo[:1]])]
        return real | {"Status": fold(self.item, rows, transitions).state["Status"]}


class EarlyPlan(Plan):
    """Says with the first of several events that none waits."""

    def next_state(self, transitions: Transitions) -> Item:
        state = super().next_state(transitions)
        if state.get("Pending") == PENDING_ORDER:
            del state["Pending"], state["PendingSince"]
        return state


def with_lifecycle(kind: type[Lifecycle]) -> Pipeline:
    def parts(dynamo: FakeDynamo, sleep: Callable[[float], None]) -> dict[str, Any]:
        orders = OrderTable(dynamo, "Orders", sleep=sleep, jitter=lambda: 1.0)
        return {"events": kind(orders, KnownEvents(dynamo, "OrderEvents", orders), TRANSITIONS)}

    return with_parts(lambda dynamo, store, sleep: parts(dynamo, sleep))


def with_plan(kind: type[Plan]) -> Pipeline:
    def plan(self: Lifecycle, item: Item, rows: Sequence[Row]) -> Plan:
        return kind(item, rows)

    return with_lifecycle(type("PlannedLifecycle", (Lifecycle,), {"_plan": plan}))


# Each with the guarantee that it breaks.
BROKEN: dict[str, tuple[Pipeline, str]] = {
    "an event that is stored is taken for applied": (with_lifecycle(TrustingLifecycle), "G1"),
    "an order that comes late is not told of its events": (with_lifecycle(SilentLifecycle), "G1"),
    "a stale state is written over a newer one": (with_lifecycle(StaleLifecycle), "G11"),
    "several events are one version": (with_plan(HastyPlan), "G11"),
    "events are applied as they arrive": (with_plan(ArrivingPlan), "G10"),
    "with the first event none waits any more": (with_plan(EarlyPlan), "G1"),
}
