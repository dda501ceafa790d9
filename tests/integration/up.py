"""The command orders as a process that ends with the test process, and `orders up` among those."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orderstream.local.ministack import free_port
from tests.integration.conftest import Orders, awaited

# It is killed when the test process ends, however that does.
ORDERS = ["setpriv", "--pdeathsig", "KILL", str(Path(sys.executable).with_name("orders"))]


def processes_of(session: int) -> list[str]:
    """The command lines of all processes that `session` started, however deep."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            environment = (entry / "environ").read_bytes()
            if f"ORDERS_TEST={session}\0".encode() in environment:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


class Up:
    """One `orders up` in a terminal of its own."""

    def __init__(self, home: Path, *options: str, umask: int = -1, cwd: Path | None = None) -> None:
        self.port = free_port()
        self.mark = self.port
        self.token = ""
        self.cwd = cwd
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("AWS_")
        } | {
            "XDG_STATE_HOME": str(home),
            "XDG_CACHE_HOME": str(home),
            "ORDERS_TEST": str(self.mark),
            "TMPDIR": str(home),
        }
        self.log = home / f"up-{self.port}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*ORDERS, "up", "--port", str(self.port), *options],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=umask,
                cwd=cwd,
            )

    def await_ready(self) -> Orders:
        try:
            awaited(lambda: "ready" in self.log.read_text() or self.process.poll() is not None, 120)
        except AssertionError:
            raise AssertionError(f"it is not ready: {self.log.read_text()}") from None
        assert self.process.poll() is None, self.log.read_text()
        said = Orders({"XDG_STATE_HOME": self.environment["XDG_STATE_HOME"]})("stack", "env", "--json")
        found = json.loads(said.stdout)
        self.token = found["AWS_SESSION_TOKEN"]
        return Orders(found | {"XDG_STATE_HOME": self.environment["XDG_STATE_HOME"]}, self.cwd)

    @property
    def api_url(self) -> str:
        """Where it says that the HTTP API is."""
        said = awaited(lambda: re.search(r"over HTTP on (\S+)", self.log.read_text()))
        return said[1]

    def stop(self, with_signal: int = signal.SIGINT) -> int:
        self.process.send_signal(with_signal)
        return self.process.wait(40)


@contextmanager
def up(home: Path, *options: str, umask: int = -1, cwd: Path | None = None) -> Iterator[Up]:
    running = Up(home, *options, umask=umask, cwd=cwd)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
