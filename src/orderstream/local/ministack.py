"""MiniStack, the AWS API on one local port, as a child process that never outlives its parent."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from orderstream.errors import CloudError
from orderstream.ops import private

START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 15

# The child reads its standard input until it ends: that happens when this process closes the pipe
# or dies of whatever cause, kill -9 included. So no MiniStack is ever left behind.
_CHILD = """
import os, signal, sys, threading
def follow_parent():
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=follow_parent, daemon=True).start()
sys.argv = ["ministack"]
from orderstream.local.emulator import main
main()
"""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Whether `port` of the loopback interface can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


def this_or_free_port(port: int) -> int:
    """`port` if it is free, else any that is."""
    return port if port_is_free(port) else free_port()


def health_of(endpoint_url: str, token: str) -> urllib.request.Request:
    """The request for the health of the MiniStack there."""
    return urllib.request.Request(
        f"{endpoint_url}/_ministack/health", headers={"X-Amz-Security-Token": token}
    )


class MiniStack:
    """One running MiniStack. Leaving the `with` block stops it and waits until it is gone.

    Every request has to bring `token` as its session token. `work_dir` takes its log and temporary files;
    with `state_dir` its state is read from there at the start and written back at an orderly stop. With
    `authorize` it checks signatures and evaluates policies; without, everybody who has the token may do
    everything. A 12-digit access key is its account's root either way.
    """

    def __init__(
        self,
        *,
        port: int,
        token: str,
        work_dir: Path,
        state_dir: Path | None = None,
        authorize: bool = False,
    ) -> None:
        self.port = port
        self.token = token
        self.endpoint_url = f"http://127.0.0.1:{port}"
        self.log_file = work_dir / "ministack.log"
        self._temporary = work_dir / "tmp"
        self._state_dir = state_dir
        self._authorize = authorize
        self._process: subprocess.Popen[bytes] | None = None
        # Comes back in the health answer: another MiniStack on the same port is not taken for this one.
        self._name = uuid.uuid4().hex

    def start(self) -> None:
        """Start it and wait until it answers; raises CloudError with the end of its log if it does not."""
        self._temporary.mkdir(parents=True, exist_ok=True)
        with open(self.log_file, "wb", opener=private.opener) as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CHILD],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                umask=0o077,
                # A Ctrl-C at the terminal is for the parent, which stops this in its turn.
                start_new_session=True,
            )
        try:
            self._await_health()
        except BaseException:
            self.stop()
            raise

    def _await_health(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._is_healthy():
            if not self.is_running() or time.monotonic() > deadline:
                raise CloudError(
                    f"MiniStack did not start on port {self.port}; the end of its log:\n{self.log_tail()}",
                    hint="try another port: orders up --port 4567",
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it, state saved; returns when the process is gone."""
        if self._process is None:
            return
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The id of the process, None while there is none."""
        return self._process.pid if self._process else None

    def log_tail(self) -> str:
        """The last lines of its log."""
        lines = self.log_file.read_text(errors="replace").splitlines()
        return "\n".join(lines[-15:]) or "(empty)"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _environment(self) -> dict[str, str]:
        # Functions inherit this environment: no credential or profile of the user may reach them.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        settings = {
            "MINISTACK_EDITION": self._name,
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "TMPDIR": str(self._temporary),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AUTH": str(self._authorize).lower(),
            # What `local/gate.py` asks for, and what functions answer with.
            "AWS_SESSION_TOKEN": self.token,
        }
        if self._state_dir:
            settings |= {
                "PERSIST_STATE": "1",
                "STATE_DIR": str(self._state_dir),
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(self._state_dir / "s3"),
            }
        return inherited | settings

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(health_of(self.endpoint_url, self.token), timeout=1) as answer:
                return bool(json.load(answer)["edition"] == self._name)
        except (urllib.error.URLError, OSError, ValueError, KeyError):
            return False
