"""Waits for the outcome of an accepted order: stored, or its id is taken by other content."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import anyio
from anyio.to_thread import run_sync

from orderstream.api.problems import ProblemError
from orderstream.aws.deployment import Deployment
from orderstream.domain.decode import decode
from orderstream.domain.equality import is_item
from orderstream.errors import CloudError, NotFoundError
from orderstream.storage.orders import Item, get_order

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
    pause = FIRST_PAUSE
    with anyio.move_on_after(seconds):
        while True:
            read = partial(_item, deployment, accepted["order_id"])
            item = await run_sync(read, abandon_on_cancel=True)
            if item is not None:
                return _own(item, body, accepted)
            await anyio.sleep(pause)
            pause = min(pause * GROWTH, LAST_PAUSE)
    return None


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
