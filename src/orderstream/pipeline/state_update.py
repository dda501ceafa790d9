"""The next state of an order: its item with one more event, and the statement that writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orderstream.domain.fold import PENDING_ORDER, STATE, fold, in_order, split_by_applied, version_of
from orderstream.domain.lifecycle import Transitions
from orderstream.pipeline.event_table import Row

Item = dict[str, Any]


class Plan:
    """An order's item, and the events that its state does not have yet."""

    def __init__(self, item: Item, rows: Sequence[Row]) -> None:
        self.item = item
        self.known, late = split_by_applied(item, rows)
        self.todo = in_order(late)

    @property
    def is_due(self) -> bool:
        """Whether the item must be updated."""
        return bool(self.todo) or self.item.get("Pending") == PENDING_ORDER

    def next_state(self, transitions: Transitions) -> Item:
        """The state with one more event."""
        state = fold(self.item, [*self.known, *self.todo[:1]], transitions).state
        state["Version"] = version_of(self.item) + 1
        if len(self.todo) > 1 and self.item.get("Pending") == PENDING_ORDER:
            # Whoever delivers the order again must know that it is not done.
            state |= {name: self.item[name] for name in ("Pending", "PendingSince")}
        return state

    def advance(self, state: Item) -> int:
        """Note that the item has this state; return how many more of its events are forbidden."""
        before = self.item
        self.item = {name: value for name, value in before.items() if name not in STATE} | state
        self.known += self.todo[:1]
        self.todo = self.todo[1:]
        return int(state.get("Forbidden", 0)) - int(before.get("Forbidden", 0))


def update_statement(
    table: str, state: Mapping[str, Any], gone: Sequence[str], item: Mapping[str, Any]
) -> tuple[str, list[Any]]:
    """The statement that gives an item a state, without the attributes `gone`, unless its version changed."""
    changes = [f'SET "{name}"=?' for name in state] + [f'REMOVE "{name}"' for name in gone]
    values = [*state.values(), item["OrderID"]]
    condition = '"Version" IS MISSING'
    if "Version" in item:
        condition = '"Version"=?'
        values.append(item["Version"])
    return f'UPDATE "{table}" {" ".join(changes)} WHERE "OrderID"=? AND {condition}', values
