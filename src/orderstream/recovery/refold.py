"""Write the state of orders anew that differs from the one that their events lead to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from orderstream.aws.deployment import Deployment
from orderstream.domain.fold import STATE, version_of
from orderstream.pipeline.attributes import ENCODERS
from orderstream.pipeline.lifecycle import update_statement
from orderstream.pipeline.statements import Result
from orderstream.pipeline.table import OrderTable, sizes_of
from orderstream.recovery.order_states import compare, expected_state
from orderstream.storage.order_events import read_events_of
from orderstream.storage.orders import Item, stored_items


def refold(
    deployment: Deployment, table: OrderTable, order_ids: Sequence[str], seconds_left: Callable[[], float]
) -> dict[str, str]:
    """Write the state of orders that differs from the one that their events lead to, as a further version.

    Returns the ids of those that were not updated, each with the reason. Events that an order does not have
    yet are not added. An order that lacks an event of its state is left as it is.
    """
    items = stored_items(deployment, order_ids)
    changed: list[tuple[Item, Item]] = []
    for order_id, rows in read_events_of(deployment, order_ids):
        item = items.get(order_id)
        if item is not None and any(one.kind == "state_differs" for one in compare(order_id, item, rows, "")):
            changed.append((item, {**expected_state(item, rows), "Version": version_of(item) + 1}))

    def render(index: int) -> tuple[str, list[dict[str, Any]]]:
        item, state = changed[index]
        gone = [name for name in STATE if name in item and name not in state]
        text, values = update_statement(table.name, state, gone, item)
        return text, [ENCODERS[type(value)](value) for value in values]

    sizes = sizes_of([state for _, state in changed])
    done = table.statements.execute(render, sizes, seconds_left)
    return {
        item["OrderID"]: one.message or "the order was changed by others at the same time"
        for (item, _), one in zip(changed, done, strict=True)
        if one.result is not Result.DONE
    }
