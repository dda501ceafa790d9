"""`orders up` as a process of its own, on free ports."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import Self

from bench.proc_stats import children
from orderstream.aws.deployment import Deployment, find_deployment
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.local.cloud import local_cloud
from orderstream.local.ministack import free_port
from orderstream.local.registry import choose, running_instances

START_SECONDS = 180


class OrdersUp:
    """A running `orders up`; leaving the `with` block terminates it. Its notes and its log are in `home`.

    `port` may be one of an `orders up` that has ended.
    """

    def __init__(self, home: Path, *options: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.endpoint_url = f"http://127.0.0.1:{self.port}"
        self.log = home / "up.log"
        self.home = home
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        program = str(Path(sys.executable).with_name("orders"))
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [program, "up", "--port", str(self.port), *options],
                env=environment | {"XDG_STATE_HOME": str(home)},
                stdout=log,
                stderr=log,
                # A Ctrl-C at the terminal is for the parent, which stops this in its turn.
                start_new_session=True,
            )

    @cached_property
    def deployment(self) -> Deployment:
        """The stack in its local cloud, when it is ready."""
        token = choose(running_instances(self.home / "orderstream"), self.port).token
        return find_deployment(local_cloud(self.endpoint_url, token), DEFAULT_STACK)

    @property
    def ministack(self) -> int:
        """The process id of its MiniStack."""
        mark = f"GATEWAY_PORT={self.port}\0".encode()
        (found,) = (
            child
            for child in children(self.process.pid)
            if mark in Path(f"/proc/{child}/environ").read_bytes()
        )
        return found

    @property
    def output(self) -> str:
        """What it has printed, as one line."""
        return " ".join(self.log.read_text().split())

    def await_output(self, text: str) -> None:
        """Return when it has printed `text`, which may be broken between two words."""
        deadline = time.monotonic() + START_SECONDS
        while text not in self.output:
            is_running = self.process.poll() is None and time.monotonic() < deadline
            assert is_running, f"orders up does not say {text!r}:\n{self.log.read_text()}"
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(60) == 0, self.log.read_text()
