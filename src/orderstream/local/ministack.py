"""Runs MiniStack, the AWS API on one local port, as a child process that never outlives its parent."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from orderstream.errors import CloudError, DamagedError, OrderstreamError
from orderstream.files import private
from orderstream.local import child_process

START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 15

SAVE_TIMEOUT_SECONDS = 120


def free_port() -> int:
    """A currently free TCP port of the loopback interface."""
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
    """`port` if it is free, else any free port."""
    return port if port_is_free(port) else free_port()


def health_of(endpoint_url: str, token: str) -> urllib.request.Request:
    """The health check request for the MiniStack at `endpoint_url`."""
    return urllib.request.Request(
        f"{endpoint_url}/_ministack/health", headers={"X-Amz-Security-Token": token}
    )


@dataclass(eq=False, kw_only=True)
class MiniStack(AbstractContextManager["MiniStack"]):
    """One running MiniStack. Leaving the `with` block stops it and waits until it is gone.

    Every request must carry `token` as its session token. Its log and temporary files go to `work_dir`. With
    `state_dir` its state is loaded from there at the start and saved there every few seconds and at an
    orderly stop, together with the event source's checkpoints. `held` are lock descriptors, which it holds
    for as long as any part of it runs. With `authorize` it checks signatures and evaluates policies; without,
    a caller that has the token may do everything. A 12-digit access key is the root of its account either
    way. `problem` and `progress` are called, from any thread, when saving fails and when it succeeds again.
    `arrived` is called with the names of streams, shards and tables that got something (see `arrivals`).
    """

    port: int
    token: str
    work_dir: Path
    state_dir: Path | None = None
    held: Sequence[int] = ()
    authorize: bool = False
    problem: Callable[[str], None] = lambda line: None
    progress: Callable[[str], None] = lambda line: None
    arrived: Callable[[Collection[str]], None] = lambda names: None

    def __post_init__(self) -> None:
        self.endpoint_url = f"http://127.0.0.1:{self.port}"
        self.log_file = self.work_dir / "ministack.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._listening: threading.Thread | None = None
        self._asked = 0
        # What it reported; every change notifies.
        self._reported = threading.Condition()
        self._answered = 0
        self._saved_at: datetime | None = None
        self._failure = ""
        self._fatal: OrderstreamError | None = None
        # Returned by the health check, so that another MiniStack on the port is not mistaken for this one.
        self._name = uuid.uuid4().hex

    def start(self) -> None:
        """Start it and wait until it responds; raises CloudError with the end of its log if it does not."""
        (self.work_dir / "tmp").mkdir(parents=True, exist_ok=True)
        if self.state_dir:
            private.make_folder(self.state_dir / "ministack")
        reports, reporting = os.pipe()
        try:
            with open(self.log_file, "wb", opener=private.opener) as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", child_process.__name__],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environment() | {child_process.REPORTS: str(reporting)},
                    pass_fds=(reporting, *self.held),
                    umask=0o077,
                    # Ctrl-C at the terminal must only reach the parent, which then stops this process.
                    start_new_session=True,
                )
        finally:
            os.close(reporting)
        self._listening = threading.Thread(
            target=self._listen, args=(reports,), name="MiniStack's reports", daemon=True
        )
        self._listening.start()
        try:
            self._await_health()
        except BaseException:
            self.stop()
            raise

    def _await_health(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._is_healthy():
            if not self.is_running() or time.monotonic() > deadline:
                self.stop()
                if self._fatal:
                    raise self._fatal
                raise CloudError(
                    f"MiniStack did not start on port {self.port}; the end of its log:\n{self.log_tail()}",
                    hint="try another port: orders up --port 4567",
                )
            time.sleep(0.05)

    def save(self) -> None:
        """Save its state now; return when everything up to this call is saved. Raises CloudError."""
        assert self._process and self._process.stdin
        with self._reported:
            self._asked += 1
            self._process.stdin.write(b"s")
            self._process.stdin.flush()
            self._reported.wait_for(
                lambda: self._answered >= self._asked or self._failure or not self.is_running(),
                SAVE_TIMEOUT_SECONDS,
            )
            if self._answered < self._asked:
                raise CloudError(
                    f"the state cannot be saved in {self.state_dir}: {self._failure or 'no answer'}",
                    hint="make room there, or give another --state-dir",
                )

    def stop(self) -> None:
        """Save its state and stop it; return when the process is gone."""
        if self._process is None:
            return
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(SAVE_TIMEOUT_SECONDS if self.state_dir else STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        if self._listening:
            self._listening.join()
        if self._failure:
            self.problem(f"the last save failed: {self.state_dir} has {self._what_is_saved()}")

    def has_ended(self, *, within: float) -> bool:
        """Whether the process has ended by itself, or does so within that many seconds."""
        try:
            return self._process is not None and self._process.wait(within) is not None
        except subprocess.TimeoutExpired:
            return False

    def ensure_running(self) -> None:
        """Raise CloudError, with the reason and what was saved, if it has ended."""
        if self._process is None or self.is_running():
            return
        status = self._process.returncode
        why = f"killed by {signal.Signals(-status).name}" if status < 0 else self.log_tail().splitlines()[-1]
        if self.state_dir:
            hint = f"start it again: {self.state_dir} has {self._what_is_saved()}"
        else:
            hint = "what was in it is gone; --state-dir keeps it"
        raise CloudError(f"MiniStack stopped by itself: {why}", hint=hint)

    def _what_is_saved(self) -> str:
        if self._saved_at is None:
            return "what it had at the start"
        saved = f"the state of {self._saved_at:%H:%M:%S} UTC"
        return saved if self._failure else f"{saved} and every record acknowledged since"

    def _listen(self, reports: int) -> None:
        with open(reports, "rb") as lines:
            for line in lines:
                self._hear(json.loads(line))

    def _hear(self, report: dict[str, Any]) -> None:
        if "arrived" in report:
            self.arrived(report["arrived"])
            return
        with self._reported:
            failed_before = self._failure
            if "saved" in report:
                self._answered = report["saved"]
                self._saved_at = datetime.now(UTC)
                self._failure = ""
            elif "failed" in report:
                self._failure = report["failed"]
            elif "fatal" in report:
                self._fatal = DamagedError(report["fatal"], hint=report["hint"])
            self._reported.notify_all()
        if "removed" in report:
            self.problem(f"bucket {report['removed']} was made after the last save, and is removed")
        elif self._failure and not failed_before:
            self.problem(
                f"the state cannot be saved in {self.state_dir}: {self._failure}. Orders go on in memory,"
                f" and a stop loses what comes now: make room there. It has {self._what_is_saved()}"
            )
        elif failed_before and not self._failure:
            self.progress("the state is saved again, all of it")

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

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _environment(self) -> dict[str, str]:
        # Functions inherit this environment, so none of the user's credentials or profiles may be in it.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        settings = {
            "MINISTACK_EDITION": self._name,
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "TMPDIR": str(self.work_dir / "tmp"),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AUTH": str(self.authorize).lower(),
            # `local/request_guard.py` requires it, and functions send it.
            "AWS_SESSION_TOKEN": self.token,
        }
        if self.state_dir:
            # As in `local/state.py`.
            folder = self.state_dir / "ministack"
            settings |= {
                "PERSIST_STATE": "1",
                "STATE_DIR": str(folder),
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(folder / "s3"),
            }
        return inherited | settings

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(health_of(self.endpoint_url, self.token), timeout=1) as answer:
                return bool(json.load(answer)["edition"] == self._name)
        except (urllib.error.URLError, OSError, ValueError, KeyError):
            return False
