"""What every route works with: the services behind the application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orderstream.aws.deployment import Deployment
from orderstream.client.producer import OrderProducer


@dataclass(frozen=True)
class ApiServices:
    """The application's dependencies. `degraded` returns a word for each problem; none means healthy."""

    producer: OrderProducer
    deployment: Deployment
    degraded: Callable[[], list[str]]
