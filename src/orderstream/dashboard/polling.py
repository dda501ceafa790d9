"""Waits until a sent order is stored."""

from __future__ import annotations

import asyncio
import time

from orderstream.dashboard.status_feed import StatusFeed
from orderstream.errors import CloudError, NotFoundError
from orderstream.storage.orders import get_order

PATIENCE_SECONDS = 20.0
_POLL_SECONDS = 0.5


async def await_stored(source: StatusFeed, order_id: str) -> bool:
    """Whether the order is stored in the table within PATIENCE_SECONDS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            # Looking up the stack may take as long as reading the order.
            await asyncio.to_thread(lambda: get_order(source.deployment, order_id))
        except (NotFoundError, CloudError):
            await asyncio.sleep(_POLL_SECONDS)
        else:
            return True
    return False
