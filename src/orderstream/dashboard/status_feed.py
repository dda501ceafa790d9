"""The stack status shown by the dashboard: polled once for all viewers, and only while there are any."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment, find_deployment
from orderstream.dashboard.history import History
from orderstream.deploy.target import target_of
from orderstream.errors import CloudError, OrderstreamError
from orderstream.lookup.recent_orders import RecentOrders
from orderstream.monitoring.collector import SECONDS_BETWEEN_LOOKS, StatusCollector
from orderstream.monitoring.figures import Minutes
from orderstream.monitoring.health import Status
from orderstream.storage.orders import Item

# The SDK itself waits for many minutes, because its clients may also invoke functions.
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class StatusSnapshot:
    """The result of one poll: status, minutes by metric and by currency, the latest orders or `why_none`.

    `dollars_an_hour` is the cost of polling, None in the local cloud.
    """

    status: Status
    minutes: Mapping[str, Minutes]
    revenue: Mapping[str, Minutes]
    latest: list[Item]
    why_none: str
    dollars_an_hour: Decimal | None


class StatusFeed:
    """The stack called `name`: `seen` is the last successful poll, `problem` why the latest one failed.

    `looks` counts polls: a page that has drawn that one is up to date. `history` reads longer times.
    """

    def __init__(self, cloud: AwsClients, name: str, patience: float = PATIENCE_SECONDS) -> None:
        self.cloud = cloud
        self.name = name
        self.is_local = target_of(cloud).is_local
        self.seen: StatusSnapshot | None = None
        self.problem: OrderstreamError | None = None
        self.looks = 0
        self.history = History()
        self._patience = patience
        self._watched: tuple[Deployment, StatusCollector, RecentOrders] | None = None
        self._looked_at = -SECONDS_BETWEEN_LOOKS
        self._lock = asyncio.Lock()

    @property
    def deployment(self) -> Deployment:
        """The stack, looked up if it is not known. Raises CloudError."""
        return self._watching()[0]

    async def refresh(self) -> None:
        """Poll again, unless the last poll is recent."""
        async with self._lock:
            if time.monotonic() - self._looked_at < SECONDS_BETWEEN_LOOKS:
                return
            try:
                self.seen = await asyncio.wait_for(asyncio.to_thread(self._look), self._patience)
                self.problem = None
            except OrderstreamError as error:
                self.problem = error
            except TimeoutError:
                self.problem = CloudError(
                    f"AWS has not answered for {self._patience:g} seconds", hint="it is asked again and again"
                )
            if self.problem:
                # The stack may have been removed, or redeployed with other names. A thread that still waits
                # for a response keeps its own objects.
                self._watched = None
            self._looked_at = time.monotonic()
            self.looks += 1

    def _look(self) -> StatusSnapshot:
        _, watch, latest = self._watching()
        status = watch.collect()
        return StatusSnapshot(
            status,
            watch.minutes,
            watch.revenue,
            latest.poll(),
            latest.empty_reason,
            self._dollars(watch),
        )

    def _dollars(self, watch: StatusCollector) -> Decimal | None:
        if self.seen is None and not self.is_local:
            return watch.dollars_an_hour
        return self.seen.dollars_an_hour if self.seen else None

    def _watching(self) -> tuple[Deployment, StatusCollector, RecentOrders]:
        watched = self._watched
        if watched is None:
            deployment = find_deployment(self.cloud, self.name)
            watched = self._watched = (
                deployment,
                StatusCollector(deployment),
                RecentOrders(deployment),
            )
        return watched
