"""What the stored events of an order did to its state, by their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from orderstream.domain.fold import Step, fold, is_placeholder, split_by_applied
from orderstream.domain.user_model import order_model
from orderstream.storage.order_events import Row
from orderstream.storage.orders import Item


class EventEffect(NamedTuple):
    """What became of a stored event, in a word, and the details.

    It is `applied`, `forbidden`, `conflict` or `duplicate` as the fold says, `waiting` for its order, or
    `stored` and not applied yet.
    """

    what: str
    detail: str


def effects_of(item: Item | None, rows: Sequence[Row]) -> dict[str, EventEffect]:
    """The effect of each event by the id of its record; `item` is as it is stored, None if there is none."""
    if item is None or is_placeholder(item):
        return {row["EventID"]: EventEffect("waiting", f"{row['Event']}, for its order") for row in rows}
    known, _ = split_by_applied(item, rows)
    found = {row["EventID"]: EventEffect("stored", f"{row['Event']}, not applied yet") for row in rows}
    steps = fold(item, known, order_model().TRANSITIONS).steps
    return found | {step.row["EventID"]: EventEffect(step.effect.value, _detail(step)) for step in steps}


def _detail(step: Step) -> str:
    row: Mapping[str, Any] = step.row
    if step.reason:
        return f"{row['Event']}: {step.reason}"
    amounts = f"total {step.total:f}, captured {step.captured:f}, refunded {step.refunded:f}"
    return f"{row['Event']}: status {step.status}, {amounts}"
