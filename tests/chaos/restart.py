"""The scenarios in which `orders up --state-dir` ends while orders are on their way, and is started again."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from botocore.exceptions import BotoCoreError

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment, find_deployment
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.local.cloud import local_cloud
from orderstream.local.ministack import free_port
from orderstream.local.secret import token_of
from tests.chaos.accounts import account_for
from tests.chaos.crashes import children
from tests.chaos.environment import (
    Sent,
    awaited,
    done_up_to,
    is_past,
    last_of_each_shard,
    producer_client,
    send,
)
from tests.chaos.scenarios import Outcome, sample_traffic

# Time for the function's first start before the end; what is left of it passes while nobody answers.
_TRAFFIC_SECONDS = 15.0


@dataclass(frozen=True)
class Up:
    """A running `orders up` with its state in `state_dir`."""

    process: subprocess.Popen[bytes]
    log: Path
    state_dir: Path
    port: int

    @property
    def ministack(self) -> int:
        """The id of its MiniStack."""
        mark = f"GATEWAY_PORT={self.port}\0".encode()
        found = [
            child
            for child in children(self.process.pid)
            if mark in Path(f"/proc/{child}/environ").read_bytes()
        ]
        return found[0]

    @property
    def cloud(self) -> AwsClients:
        """What answers on its port."""
        return local_cloud(f"http://127.0.0.1:{self.port}", token_of(self.state_dir))

    def await_said(self, text: str) -> None:
        """Return when it has printed `text`; a line may be broken anywhere between two words."""
        awaited(lambda: text in " ".join(self.log.read_text().split()) or self.process.poll() is not None)
        assert self.process.poll() is None, self.log.read_text()


@dataclass(frozen=True)
class Restart:
    """One row of the table. `end` makes the trouble, ends `orders up`, and counts the troubles."""

    name: str
    fault: str
    end: Callable[[Up], int]
    # Before it is ready, and so before anything is sent.
    is_early: bool = False
    # A disk of its own, which takes a mount and so root.
    has_disk: bool = False

    @property
    def is_possible(self) -> bool:
        """Whether this user may play it."""
        return not self.has_disk or os.geteuid() == 0


def _stopped(up: Up) -> int:
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(120) == 0, "an orderly stop"
    return 1


def _up_killed(up: Up) -> int:
    up.process.kill()
    up.process.wait()
    return 1


def _ministack_killed(up: Up) -> int:
    os.kill(up.ministack, signal.SIGKILL)
    assert up.process.wait(120) == 3
    error, hint = up.log.read_text().splitlines()[-2:]
    assert error == "error: MiniStack stopped by itself: killed by SIGKILL"
    assert hint.startswith("hint: ")
    return 1


def _all_killed(up: Up) -> int:
    ministack = up.ministack
    killed = [ministack, *children(ministack), up.process.pid]
    for process in killed:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    up.process.wait()
    return len(killed)


def _function_killed(up: Up) -> int:
    functions = awaited(lambda: children(up.ministack))
    for process in functions:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return len(functions) + _all_killed(up)


def _killed_amid_deployment(up: Up) -> int:
    def has_bucket() -> bool:
        with suppress(BotoCoreError):
            buckets = up.cloud.s3.list_buckets()["Buckets"]
            return any(bucket["Name"] == "order-data-archive" for bucket in buckets)
        return False

    awaited(has_bucket)
    return _all_killed(up)


def _disk_limited(up: Up) -> int:
    ministack = up.ministack
    before = resource.prlimit(ministack, resource.RLIMIT_FSIZE)
    # As good as full: no file grows beyond a page.
    resource.prlimit(ministack, resource.RLIMIT_FSIZE, (4096, before[1]))
    up.await_said("the state cannot be saved in")
    _await_more(up)
    resource.prlimit(ministack, resource.RLIMIT_FSIZE, before)
    up.await_said("the state is saved again")
    return 1 + _all_killed(up)


def _disk_full(up: Up) -> int:
    filler = up.state_dir / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(1 << 20)):
            pass
    with suppress(OSError), filler.open("ab", buffering=0) as file:
        while file.write(b"x"):
            pass
    up.await_said("the state cannot be saved in")
    _await_more(up)
    filler.unlink()
    up.await_said("the state is saved again")
    return 1 + _all_killed(up)


def _await_more(up: Up) -> None:
    """Return when delivery has gone on."""
    deployment = find_deployment(up.cloud, DEFAULT_STACK)

    def stored() -> int:
        return up.cloud.dynamodb.scan(TableName=deployment.table, Select="COUNT")["Count"]

    before = stored()
    awaited(lambda: stored() > before)


RESTARTS = (
    Restart("restarted", "stopped (SIGTERM)", _stopped),
    Restart("up-killed", "orders up killed, with the event source in it", _up_killed),
    Restart("ministack-killed", "MiniStack killed", _ministack_killed),
    Restart("functions-killed", "the function killed, and then everything", _function_killed),
    Restart("all-killed", "everything killed at once", _all_killed),
    Restart(
        "deployment-killed", "everything killed amid the first deployment", _killed_amid_deployment, True
    ),
    Restart("disk-limited", "files cannot grow for a while, then everything killed", _disk_limited),
    Restart("disk-full", "the disk full for a while, then everything killed", _disk_full, has_disk=True),
)


def play_restart(scenario: Restart, *, records: int) -> Outcome:
    """Send so many records while the scenario takes its course, and account for all of them.

    The port stays, and the producer goes on trying while nobody answers.
    """
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="orderstream-chaos-")))
        (home / "state").mkdir()
        if scenario.has_disk:
            stack.enter_context(_disk(home / "state"))
        threads = stack.enter_context(ThreadPoolExecutor(1))
        port = free_port()
        endpoint_url, token = f"http://127.0.0.1:{port}", token_of(home / "state")

        # The trouble comes when some are done with, and some are not even sent.
        some_done = threading.Event()
        stack.callback(some_done.set)
        traffic: Future[list[Sent]] | None = None

        def sending() -> list[Sent]:
            client = producer_client(endpoint_url, token)
            stream = find_deployment(local_cloud(endpoint_url, token), DEFAULT_STACK).stream
            samples = sample_traffic(scenario.name, records)
            first = send(client, stream, samples[: records // 4], _TRAFFIC_SECONDS / 4)
            some_done.wait()
            return first + send(client, stream, samples[records // 4 :], _TRAFFIC_SECONDS)

        with _up(home, port) as first:
            since = datetime.now(UTC) - timedelta(milliseconds=1)
            if not scenario.is_early:
                first.await_said("ready on")
                traffic = threads.submit(sending)
                _await_some_done(first)
                some_done.set()
            injected = scenario.end(first)
            assert "Traceback" not in first.log.read_text()
        with _up(home, port) as second:
            second.await_said("ready on")
            some_done.set()
            sent = traffic.result() if traffic else sending()
            deployed = find_deployment(second.cloud, DEFAULT_STACK)
            _await_all_done(second, deployed, sent)
            accounts = account_for(deployed, sent, since)
        return Outcome(scenario.name, f"restart: {scenario.fault}", (injected,), accounts)


def _await_some_done(up: Up) -> None:
    mapping_id = find_deployment(up.cloud, DEFAULT_STACK).mapping_id
    awaited(lambda: done_up_to(up.state_dir / "checkpoints.json", mapping_id))


def _await_all_done(up: Up, deployment: Deployment, sent: Sequence[Sent]) -> None:
    wanted = last_of_each_shard(sent)
    awaited(lambda: is_past(up.state_dir / "checkpoints.json", deployment.mapping_id, wanted))


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """A small disk at `folder`: a tmpfs."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192m", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def _up(home: Path, port: int) -> Iterator[Up]:
    """`orders up` with its state under `home`, just started; stopped at the end of the block."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [str(Path(sys.executable).with_name("orders")), "up", "--port", str(port)]
    log = home / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--state-dir", str(home / "state")],
            env=environment | {"XDG_STATE_HOME": str(home)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield Up(process, log, home / "state", port)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)
