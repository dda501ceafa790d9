"""The processes of a measurement: the stub on one processor, the handlers on another."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.request_checks import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, SESSION_TOKEN, TABLE
from orderstream.deploy.artifact import PROJECT, TEMPLATE
from orderstream.domain.object_keys import ORDERS
from orderstream.errors import OrderstreamError

# The interpreter itself, without the environment that this runs in.
PYTHON = str(getattr(sys, "_base_executable", sys.executable))


def processors() -> tuple[int, int]:
    """Two processors: for the handlers, and for the stub. Raises OrderstreamError where there is but one."""
    free = sorted(os.sched_getaffinity(0))
    if len(free) < 2:
        raise OrderstreamError("the bench needs two processors: one for the handlers, one for the stub")
    return free[0], free[1]


def memory_mb() -> int:
    """The memory that the template gives to the function, in MB."""
    found = re.search(r"MemorySize: (\d+)", TEMPLATE.read_text())
    assert found
    return int(found[1])


def environment(port: int) -> dict[str, str]:
    """What a handler finds in its environment, with the stub as AWS."""
    return {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": SESSION_TOKEN,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb()),
        "AWS_LAMBDA_FUNCTION_NAME": "ProcessOrders",
        "TABLE_NAME": TABLE,
        "ARCHIVE_BUCKET": BUCKET,
        "ARCHIVE_PREFIX": ORDERS,
        "STACK_NAME": "orderstream",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class Stub:
    """The stub as a child process, alone on its processor. Leaving the `with` block ends it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "bench.stub", "--processor", str(processors()[1])]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())

    def begin(self, *, table_ms: float = 0, bucket_ms: float = 0, keep: int = 1) -> None:
        """Forget what was asked; from now on answers take so long, and one request in `keep` is judged."""
        self._ask("PUT", f"/_begin?table_ms={table_ms}&bucket_ms={bucket_ms}&keep={keep}")

    def asked(self) -> dict[str, Any]:
        """The requests since `begin`, as `request_checks.judge` reports them, and `records` of PutRecords."""
        return self._ask("GET", "/_asked")

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        with urllib.request.urlopen(request) as answer:
            told: dict[str, Any] = json.load(answer)
            return told

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        # Waits for the end, and closes the pipes.
        self._process.communicate()


class Answering:
    """A child process that answers each line with a line of JSON. Leaving the `with` block ends it."""

    def __init__(self, command: Sequence[str], port: int, cwd: Path | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env=environment(port),
        )

    def ask(self, line: str) -> dict[str, float]:
        """The answer to a line. Raises OrderstreamError when the process has ended instead."""
        assert self._process.stdin
        print(line, file=self._process.stdin, flush=True)
        return self.read()

    def read(self) -> dict[str, float]:
        """The next answer."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise OrderstreamError("a process of the bench failed; what it said is above")
        told: dict[str, float] = json.loads(line)
        return told

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Ends the input and so the process, and closes the pipes.
        self._process.communicate()


class Worker(Answering):
    """A handler in a process of its own (see `bench/worker.py`), ready for events when it is made."""

    def __init__(self, artifact: Path, module: str, port: int) -> None:
        script = Path(__file__).with_name("worker.py")
        command = [PYTHON, "-S", "-E", "-B", str(script), str(artifact), module, str(processors()[0])]
        super().__init__(command, port)
        self.read()

    def handle(self, event: Path) -> dict[str, float]:
        """What the event in this file costs: seconds `cpu`, `wall`, `parse`; `peak_mb`, `failed`."""
        return self.ask(str(event))
