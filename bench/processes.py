"""The processes of a benchmark: the stub on one processor, what is measured on another."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench import stub
from bench.request_checks import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, SESSION_TOKEN, TABLE
from orderstream.deploy.artifact import TEMPLATE
from orderstream.domain.object_keys import ORDERS
from orderstream.errors import OrderstreamError

# The interpreter itself, without the environment that this runs in.
_PYTHON = str(getattr(sys, "_base_executable", sys.executable))
_SPAWN = get_context("spawn")


def processors() -> tuple[int, int]:
    """Two processors: for what is measured, and for the stub. Raises OrderstreamError where there is one."""
    free = sorted(os.sched_getaffinity(0))
    if len(free) < 2:
        raise OrderstreamError("the benchmarks need two processors: one for the handlers, one for the stub")
    return free[0], free[1]


def memory_mb() -> int:
    """The memory that the template gives to the function, in MB."""
    found = re.search(r"MemorySize: (\d+)", TEMPLATE.read_text())
    assert found
    return int(found[1])


def environment(port: int) -> dict[str, str]:
    """The environment variables of a handler or producer, with the endpoint on `port` as AWS."""
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
        "EVENTS_TABLE_NAME": "OrderEvents",
        "STACK_NAME": "orderstream",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def new_process(variables: Mapping[str, str] | None = None) -> ProcessPoolExecutor:
    """One new process that runs functions; with `variables` as its environment, it has one processor."""
    return ProcessPoolExecutor(1, _SPAWN, initializer=_prepare, initargs=(variables,))


def _prepare(variables: Mapping[str, str] | None) -> None:
    if variables is not None:
        os.sched_setaffinity(0, {processors()[0]})
        os.environ.clear()
        os.environ.update(variables)


class Stub:
    """The stub of AWS on a port."""

    def __init__(self, port: int) -> None:
        self.port = port

    def begin(self, *, table_ms: float = 0, bucket_ms: float = 0) -> None:
        """Forget what was asked; from now on answers take so long."""
        self._ask("/_begin", json.dumps({"table_ms": table_ms, "bucket_ms": bucket_ms}).encode())

    def asked(self) -> dict[str, Any]:
        """The requests since `begin`: see `request_checks.check_requests`, and `records` of PutRecords."""
        return self._ask("/_asked")

    def _ask(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", body) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@contextmanager
def running_stub() -> Iterator[Stub]:
    """The stub in a process of its own, alone on its processor."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        process = _SPAWN.Process(target=stub.serve, args=(listener, processors()[1]), daemon=True)
        process.start()
    yield Stub(port)
    process.terminate()
    process.join()


@contextmanager
def worker(module: str, port: int, *folders: Path) -> Iterator[Callable[..., Any]]:
    """A module in a process of its own with the libraries of `folders` alone (see `bench/worker.py`).

    The function calls one of the module, by its name; "handle" measures the handler with the event of a file.
    A module for Node has its libraries in the folder. It raises OrderstreamError when the process has ended.
    """
    script = str(Path(__file__).with_name("worker.py"))
    command = [_PYTHON, "-S", "-E", "-B", script, str(processors()[0]), module, *map(str, folders)]
    if module.endswith(".mjs"):
        command = ["node", str(folders[0] / "worker.mjs"), f"./{module}"]
        command = ["taskset", "--cpu-list", str(processors()[0]), *command]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(port),
    )

    def call(function: str, *arguments: Any) -> Any:
        assert process.stdin and process.stdout
        print(json.dumps([function, *arguments]), file=process.stdin, flush=True)
        line = process.stdout.readline()
        if not line:
            raise OrderstreamError("a process of the benchmark failed; its error is above")
        return json.loads(line)

    try:
        call("ready")
        yield call
    finally:
        # Ends the input and so the process, and closes the pipes.
        process.communicate()
