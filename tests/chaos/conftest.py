"""One local cloud with faults on its wire for each test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.environment import Stage


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with Stage() as running:
        yield running
