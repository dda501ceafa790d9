"""The stub of AWS, and clients of the SDK for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from bench.processes import Stub, running_stub
from bench.request_checks import ACCESS_KEY, REGION, SECRET_KEY
from botocore.config import Config


@pytest.fixture(scope="session")
def stub() -> Iterator[Stub]:
    with running_stub() as running:
        yield running


@pytest.fixture
def client(stub: Stub) -> Callable[..., Any]:
    """Makes a client for a service of the stub, which has forgotten what it was asked before."""
    stub.begin()

    def make(service: str, secret_key: str = SECRET_KEY) -> Any:
        session = botocore.session.Session()
        session.set_credentials(ACCESS_KEY, secret_key)
        return session.create_client(
            service,
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{stub.port}",
            config=Config(retries={"total_max_attempts": 1}),
        )

    return make
