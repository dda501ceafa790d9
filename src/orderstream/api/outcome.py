"""Waits for the outcome of an accepted order or event: stored, and what it did."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import anyio
from anyio.to_thread import run_sync

from orderstream.api.problems import ProblemError
from orderstream.aws.deployment import Deployment
from orderstream.domain.decode import Decoded, decode
from orderstream.domain.equality import is_item
from orderstream.domain.fold import applied_hashes, fold, is_placeholder
from orderstream.domain.order_event import position, position_hash
from orderstream.domain.user_model import order_model
from orderstream.errors import CloudError, NotFoundError
from orderstream.lookup.order_history import ORDER_MISSING, WAITING
from orderstream.storage.order_events import Row, read_events
from orderstream.storage.orders import Item, get_order, stored_items

T = TypeVar("T")

# With the time that the stream may take, this is within the 29 seconds of the function.
MOST_SECONDS = 10.0
# The pauses between the readings of the table: each is longer than the one before.
FIRST_PAUSE, LAST_PAUSE, GROWTH = 0.05, 0.5, 1.5

_log = logging.getLogger(__name__)


async def await_stored(
    deployment: Deployment, body: bytes, accepted: dict[str, Any], seconds: float
) -> Item | None:
    """The item of an accepted order with this body; None if it is not stored within `seconds`.

    Raises ProblemError (409) if the table has other content under its id: then the order is quarantined.
    Does not block the event loop, nor wait any longer for a table that does not answer.
    """
    item = await _await(partial(_item, deployment, accepted["order_id"]), seconds)
    return None if item is None else _own(item, body, accepted)


async def await_effect(
    deployment: Deployment, what: Decoded, accepted: dict[str, Any], seconds: float
) -> dict[str, str] | None:
    """The effect of an accepted event, and the reason if it has none; None if it is not applied in time.

    Does not block the event loop.
    """
    return await _await(partial(_effect, deployment, what, accepted), seconds)


async def _await(read: Callable[[], T | None], seconds: float) -> T | None:
    """What `read` returns once that is not None; None after `seconds`."""
    pause = FIRST_PAUSE
    with anyio.move_on_after(seconds):
        while True:
            found = await run_sync(read, abandon_on_cancel=True)
            if found is not None:
                return found
            await anyio.sleep(pause)
            pause = min(pause * GROWTH, LAST_PAUSE)
    return None


def _effect(deployment: Deployment, what: Decoded, accepted: dict[str, Any]) -> dict[str, str] | None:
    try:
        rows = read_events(deployment, accepted["order_id"])
        row = next((row for row in rows if _is_event(row, what, accepted)), None)
        item = stored_items(deployment, [accepted["order_id"]]).get(accepted["order_id"])
    except CloudError as error:
        _log.warning("the table does not answer: %s", error.__cause__)
        return None
    if row is None or item is None:
        return None
    if is_placeholder(item):
        return {"effect": WAITING, "reason": ORDER_MISSING}
    if position_hash(row["Position"]) not in applied_hashes(item):
        return None
    steps = fold(item, rows, order_model().TRANSITIONS).steps
    (step,) = (step for step in steps if step.row is row)
    return {"effect": step.effect.value, "reason": step.reason}


def _is_event(row: Row, what: Decoded, accepted: dict[str, Any]) -> bool:
    """Whether a stored event is that of the request, from this record or from an earlier one."""
    if row["EventID"] == accepted["event_id"]:
        return True
    assert what.event is not None
    at = what.event.sent.occurred_at
    return at is not None and row["Position"] == position(what.event, "", at)


def _item(deployment: Deployment, order_id: str) -> Item | None:
    try:
        return get_order(deployment, order_id)
    except NotFoundError:
        return None
    except CloudError as error:
        # The stream has the order all the same.
        _log.warning("the table does not answer: %s", error.__cause__)
        return None


def _own(item: Item, body: bytes, accepted: dict[str, Any]) -> Item | None:
    """The item, if it has the content of the order; None if only the stored bytes could tell."""
    is_same = item["EventID"] == accepted["event_id"] or is_item(decode(body), item)
    if is_same is False:
        raise ProblemError(
            409, f"another order is stored as {accepted['order_id']}: this one is quarantined as a conflict"
        )
    return item if is_same else None
