"""The figures of longer times than the status has: read once a minute, and only while somebody looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from orderstream.aws.deployment import Deployment
from orderstream.aws.metrics import MINUTE, read_metrics
from orderstream.monitoring.figures import WINDOW, MetricDimensions, Minutes, metrics_of, revenue_of
from orderstream.sdk.errors import translate_errors

_HOUR = 60 * MINUTE
_SECONDS_KEPT = 60.0


class Span(NamedTuple):
    """How far back charts go, and the length of each of their periods, in seconds."""

    seconds: int
    period: int


SPANS = {
    "15m": Span(15 * MINUTE, MINUTE),
    "1h": Span(_HOUR, MINUTE),
    "3h": Span(3 * _HOUR, MINUTE),
    "24h": Span(24 * _HOUR, 5 * MINUTE),
}
USUAL = "1h"


@dataclass(frozen=True)
class Figures:
    """The values of each metric (see `metrics_of`) and each currency by period, complete up to `until`."""

    minutes: Mapping[str, Minutes]
    revenue: Mapping[str, Minutes]
    until: int


class History:
    """Reads figures of a span, for all viewers together."""

    def __init__(self) -> None:
        self._read: dict[Span, tuple[float, Figures]] = {}
        self._lock = asyncio.Lock()

    async def of(
        self, span: Span, deployment: Callable[[], Deployment], consumer: str, latest: Figures
    ) -> Figures:
        """The figures of `span` up to the end of `latest`, the status's own. Raises CloudError.

        `deployment` may take a request; `consumer` is that of the status.
        """
        if span.seconds <= WINDOW:
            return latest
        async with self._lock:
            read_at, figures = self._read.get(span, (0.0, latest))
            if not read_at or time.monotonic() - read_at >= _SECONDS_KEPT:
                figures = await asyncio.to_thread(lambda: _figures(deployment(), consumer, span, latest))
                self._read[span] = time.monotonic(), figures
            return figures


def _figures(deployment: Deployment, consumer: str, span: Span, latest: Figures) -> Figures:
    names = MetricDimensions(
        deployment.name, deployment.stream, deployment.function, deployment.mapping_id, consumer
    )
    metrics = metrics_of(names)
    revenue = {currency: revenue_of(names, currency) for currency in latest.revenue}
    begin = (latest.until - span.seconds) // span.period * span.period
    end = (latest.until // span.period + 1) * span.period
    with translate_errors(f"cannot read the figures of stack {deployment.name}"):
        found = read_metrics(
            deployment.cloud, [*metrics.values(), *revenue.values()], begin, end, span.period
        )
    return Figures(
        {name: found[metric] for name, metric in metrics.items()},
        {currency: found[metric] for currency, metric in revenue.items()},
        latest.until,
    )
