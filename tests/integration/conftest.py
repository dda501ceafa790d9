"""One MiniStack for each test process, one account of it for each test."""

from __future__ import annotations

import io
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from reference.json_documents import ensure_documented

from orderstream.aws.clients import AwsClients
from orderstream.cli import main
from orderstream.domain.object_keys import ORDERS
from orderstream.local.cloud import LocalCloud, token_of
from orderstream.local.demo import DemoResult, run_demo, sample_traffic
from orderstream.local.ministack import MiniStack, free_port
from orderstream.output import console
from orderstream.progress import no_progress
from tests import terminals

T = TypeVar("T")
# Columns of what commands print.
WIDTH = 120

_accounts = itertools.count(os.getpid() * 10_000 + 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First those that need the local cloud with everything in it: so that one process makes it."""
    items.sort(key=lambda item: "demonstrated" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    work_dir: Path = tmp_path_factory.mktemp("ministack")
    with MiniStack(port=free_port(), token=token_of(None), work_dir=work_dir) as running:
        yield running


def new_account(ministack: MiniStack) -> AwsClients:
    """An empty AWS account: MiniStack takes a 12-digit access key for an account of its own."""
    return AwsClients(
        endpoint_url=ministack.endpoint_url,
        region="eu-west-1",
        access_key=f"{next(_accounts):012d}",
        secret_key="test",
        session_token=ministack.token,
    )


@pytest.fixture
def cloud(ministack: MiniStack) -> AwsClients:
    """An empty AWS account."""
    return new_account(ministack)


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """One local cloud for each test process, with the real stack; tests use customers of their own."""
    problems: list[str] = []
    with LocalCloud(port=free_port(), progress=lambda step: None, problem=problems.append) as running:
        yield running
        running.check()
    assert problems == []


@pytest.fixture(scope="session")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalCloud, DemoResult]]:
    """A local cloud that checks signatures and evaluates policies, with every function that the stack can
    have, and what became of a demo that was run there first. Nothing is delivered after it.
    """
    problems: list[str] = []
    # The canary is not to wait for what nobody delivers.
    parameters = {"ArchiveMaintenance": "compact", "CanaryMinutes": "5", "LatencyObjectiveSeconds": "1"}
    parameters |= {"HttpApi": "iam", "ChangeFeed": "true", "ChangeFeedShardCount": "1"}
    parameters |= {"ChangeEventBus": "default", "Totals": "true"}
    parameters |= {"Webhooks": "true", "WebhookPrivateAddresses": "true"}
    with LocalCloud(
        port=free_port(),
        parameters=parameters,
        authorize=True,
        progress=lambda step: None,
        problem=problems.append,
    ) as running:
        outcome = run_demo(
            running,
            sample_traffic(300),
            rate=600,
            progress=no_progress,
        )
        # In which nobody of the stack has any business.
        running.cloud.s3.create_bucket(Bucket="somebody-elses")
        running.cloud.s3.put_object(Bucket="somebody-elses", Key=f"{ORDERS}a", Body=b"x")
        yield running, outcome
        running.check()
    assert problems == []


@pytest.fixture
def guarded(demonstrated: tuple[LocalCloud, DemoResult]) -> LocalCloud:
    """That local cloud."""
    return demonstrated[0]


@pytest.fixture
def orders(local: LocalCloud) -> Orders:
    """The command line, speaking to the local cloud as `eval "$(orders stack env)"` has it."""
    return OrdersHere(local.environment)


@dataclass
class Orders:
    """Runs `orders …` as a user does, in a process of its own, in the folder `cwd`."""

    environment: dict[str, str]
    cwd: Path | None = None

    def __call__(
        self, *arguments: str, given: bytes = b"", typed: str = "", status: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """`given` comes from a pipe, `typed` from a terminal; None is any status."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with terminals.typed(typed) as terminal:
            stdin: dict[str, Any] = {"stdin": terminal} if typed else {"input": given}
            done = subprocess.run(
                [str(Path(sys.executable).with_name("orders")), *arguments],
                **stdin,
                env=inherited | {"COLUMNS": f"{WIDTH}"} | self.environment,
                cwd=self.cwd,
                capture_output=True,
                timeout=120,
                check=False,
            )
        result = subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )
        assert status in (None, result.returncode), result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        # A project's orders have fields of their own.
        if self.cwd is None:
            _ensure_documented(arguments, result)
        return result


class OrdersHere(Orders):
    """Runs the same in this process: a process of its own would spend most of its time on starting."""

    def __call__(
        self, *arguments: str, given: bytes = b"", typed: str = "", status: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        before = os.environ.copy()
        widths = [(one, one.width) for one in (console.out, console.err)]
        for one, _ in widths:
            # A console has read COLUMNS when it was made.
            one.width = WIDTH
        out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(self.environment)
        pipe = io.TextIOWrapper(io.BytesIO(given))
        try:
            with (
                terminals.typed(typed) as terminal,
                terminals.instead_of("stdin", terminal if typed else pipe),
                redirect_stdout(out),
                redirect_stderr(err),
                pytest.raises(SystemExit) as ended,
            ):
                main(arguments)
        finally:
            os.environ.clear()
            os.environ.update(before)
            for one, width in widths:
                one.width = width
            for number, handler in handlers.items():
                signal.signal(number, handler)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read())
        code = ended.value.code
        result = subprocess.CompletedProcess(arguments, code if isinstance(code, int) else 0, *texts)
        assert status in (None, result.returncode), result.stdout + result.stderr
        _ensure_documented(arguments, result)
        return result


def _ensure_documented(arguments: tuple[str, ...], done: subprocess.CompletedProcess[str]) -> None:
    """Whatever is called for JSON prints the JSON that the reference has for it."""
    if "--json" in arguments:
        ensure_documented(arguments, done.stdout)


def awaited(wanted: Callable[[], T | None], seconds: float = 30) -> T:
    """What `wanted` returns as soon as it is something; fails when it is nothing for so long."""
    deadline = time.monotonic() + seconds
    while True:
        found = wanted()
        if found:
            return found
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
