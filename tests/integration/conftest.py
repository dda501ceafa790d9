"""One MiniStack for each test process, one account of it for each test."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderstream.local.ministack import MiniStack, free_port
from orderstream.ops.cloud import Cloud

_accounts = itertools.count(os.getpid() * 10_000 + 1)


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    work_dir: Path = tmp_path_factory.mktemp("ministack")
    with MiniStack(port=free_port(), work_dir=work_dir) as running:
        yield running


@pytest.fixture
def cloud(ministack: MiniStack) -> Cloud:
    """An empty AWS account: MiniStack takes a 12-digit access key for an account of its own."""
    return Cloud(
        endpoint_url=ministack.endpoint_url,
        region="eu-west-1",
        access_key=f"{next(_accounts):012d}",
        secret_key="test",
    )
