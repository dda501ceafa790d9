"""What the page shows of a stack: looked up once for all who look at it, and only while somebody does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from decimal import Decimal

from orderstream.deploy.place import place_of
from orderstream.errors import OrderstreamError
from orderstream.ops.cloud import Cloud
from orderstream.ops.latest import Latest
from orderstream.ops.query import Item
from orderstream.ops.stack import Stack, find_stack
from orderstream.ops.status.figures import Minutes
from orderstream.ops.status.health import Status
from orderstream.ops.status.look import SECONDS_BETWEEN_LOOKS, Watch


class Source:
    """The stack called `name`: its status, minutes and latest orders as of the last look that worked.

    `why_none` says why there are no latest orders, `problem` why the newest look did not work (None if it
    did). `looks` counts looks: whoever has drawn that many has drawn all. `dollars_an_hour` is what it costs
    to keep looking, None on the laptop.
    """

    def __init__(self, cloud: Cloud, name: str) -> None:
        self.cloud = cloud
        self.name = name
        self.status: Status | None = None
        self.minutes: Mapping[str, Minutes] = {}
        self.revenue: Mapping[str, Minutes] = {}
        self.latest: list[Item] = []
        self.why_none = ""
        self.problem: OrderstreamError | None = None
        self.looks = 0
        self.is_laptop = place_of(cloud).is_laptop
        self.dollars_an_hour: Decimal | None = None
        self._watched: tuple[Stack, Watch, Latest] | None = None
        self._looked_at = -SECONDS_BETWEEN_LOOKS
        self._lock = asyncio.Lock()

    @property
    def stack(self) -> Stack:
        """The stack, looked for if it is not known. Raises CloudError."""
        return self._watching()[0]

    async def refresh(self) -> None:
        """Look again, unless somebody did so a moment ago."""
        async with self._lock:
            if time.monotonic() - self._looked_at < SECONDS_BETWEEN_LOOKS:
                return
            await asyncio.to_thread(self._look)
            self._looked_at = time.monotonic()
            self.looks += 1

    def _look(self) -> None:
        try:
            _, watch, latest = self._watching()
            self.status = watch.look()
            self.minutes, self.revenue = watch.minutes, watch.revenue
            self.latest, self.why_none = latest.look(), latest.why_empty
            if self.dollars_an_hour is None and not self.is_laptop:
                self.dollars_an_hour = watch.dollars_an_hour
            self.problem = None
        except OrderstreamError as error:
            # It may have been removed, or deployed anew under other names.
            self._watched = None
            self.problem = error

    def _watching(self) -> tuple[Stack, Watch, Latest]:
        watched = self._watched
        if watched is None:
            stack = find_stack(self.cloud, self.name)
            watched = self._watched = (stack, Watch(self.cloud, stack), Latest(self.cloud, stack))
        return watched
