"""The HTTP API of the local cloud, served for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from orderstream.api.app import make_app
from orderstream.api.dependencies import build_services
from orderstream.api.server import Server
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port


@pytest.fixture(scope="module")
def api(local: LocalCloud) -> Iterator[httpx.Client]:
    services = build_services(local.deployment)
    with (
        services.producer,
        Server(make_app(lambda: services), free_port()) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        yield client
