"""The services behind the local HTTP API: those of the currently deployed stack, if any."""

from __future__ import annotations

from orderstream.api.dependencies import build_services
from orderstream.api.problems import try_again
from orderstream.api.services import ApiServices
from orderstream.aws.deployment import Deployment


class CurrentServices:
    """The services of the stack last given to `change`; without one, requests get 503."""

    def __init__(self) -> None:
        self._services: ApiServices | None = None

    def __call__(self) -> ApiServices:
        """The services. Raises ProblemError (503) while there is no stack."""
        services = self._services
        if services is None:
            raise try_again("no stack is deployed here now; orders deploy does it")
        return services

    def change(self, deployment: Deployment | None) -> None:
        """Switch to this stack; return when the orders for the previous one have their outcomes."""
        before = self._services
        self._services = build_services(deployment) if deployment else None
        if before:
            before.producer.close()
