"""The scenarios in which `orders up --state-dir` ends while orders are on their way, and is started again."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.harness import items
from bench.orders_up import OrdersUp
from bench.proc_stats import children
from botocore.exceptions import BotoCoreError

from orderstream.aws.deployment import Deployment
from orderstream.local.cloud import local_cloud, token_of
from orderstream.local.ministack import free_port
from tests.chaos.accounts import account_for
from tests.chaos.environment import Sent, awaited, done_up_to, is_past, producer_client, send
from tests.chaos.scenarios import Outcome, sample_traffic

# Time for the function's first start before the end; what is left of it passes while nobody answers.
_TRAFFIC_SECONDS = 15.0
# What `orders up` prints when saving fails.
_UNSAVED = "the state cannot be saved in"


@dataclass(frozen=True)
class Restart:
    """One row of the table. `end` ends `orders up`, and counts the troubles.

    Nothing can be saved while the block of `outage` runs, which is over before the end.
    """

    name: str
    fault: str
    end: Callable[[OrdersUp], int]
    outage: Callable[[OrdersUp], AbstractContextManager[None]] | None = None
    # Before it is ready, and so before anything is sent.
    is_early: bool = False
    # A disk of its own, which takes a mount and so root.
    has_disk: bool = False

    @property
    def is_possible(self) -> bool:
        """Whether this user may play it."""
        return not self.has_disk or os.geteuid() == 0


def _stopped(up: OrdersUp) -> int:
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(120) == 0, "an orderly stop"
    return 1


def _up_killed(up: OrdersUp) -> int:
    up.process.kill()
    up.process.wait()
    return 1


def _ministack_killed(up: OrdersUp) -> int:
    os.kill(up.ministack, signal.SIGKILL)
    assert up.process.wait(120) == 3
    error, hint = up.log.read_text().splitlines()[-2:]
    assert error == "error: MiniStack stopped by itself: killed by SIGKILL"
    assert hint.startswith("hint: ")
    return 1


def _all_killed(up: OrdersUp) -> int:
    ministack = up.ministack
    killed = [ministack, *children(ministack), up.process.pid]
    for process in killed:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    up.process.wait()
    return len(killed)


def _function_killed(up: OrdersUp) -> int:
    functions = awaited(lambda: children(up.ministack))
    for process in functions:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return len(functions) + _all_killed(up)


def _killed_amid_deployment(up: OrdersUp) -> int:
    s3 = local_cloud(up.endpoint_url, token_of(up.home / "state")).s3

    def has_bucket() -> bool:
        with suppress(BotoCoreError):
            buckets = s3.list_buckets()["Buckets"]
            return any(bucket["Name"] == "order-data-archive" for bucket in buckets)
        return False

    awaited(has_bucket)
    return _all_killed(up)


@contextmanager
def _disk_limited(up: OrdersUp) -> Iterator[None]:
    ministack = up.ministack
    before = resource.prlimit(ministack, resource.RLIMIT_FSIZE)
    # As good as full: no file grows beyond a page.
    resource.prlimit(ministack, resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.prlimit(ministack, resource.RLIMIT_FSIZE, before)


@contextmanager
def _disk_full(up: OrdersUp) -> Iterator[None]:
    filler = up.home / "state" / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(1 << 20)):
            pass
    with suppress(OSError), filler.open("ab", buffering=0) as file:
        while file.write(b"x"):
            pass
    yield
    filler.unlink()


def _sit_out(
    outage: Callable[[OrdersUp], AbstractContextManager[None]], up: OrdersUp, send_more: Callable[[], None]
) -> None:
    """Return when `up` has told of the outage, delivered in it, and saved everything after it."""

    def stored() -> int:
        return sum(1 for _ in items(up.deployment))

    def is_saved() -> bool:
        # A disk may become full twice.
        return up.output.rfind("the state is saved again") > up.output.rfind(_UNSAVED)

    with outage(up):
        before = stored()
        send_more()
        up.await_output(_UNSAVED)
        awaited(lambda: stored() > before)
    awaited(is_saved)


RESTARTS = (
    Restart("restarted", "stopped (SIGTERM)", _stopped),
    Restart("up-killed", "orders up killed, with the event source in it", _up_killed),
    Restart("ministack-killed", "MiniStack killed", _ministack_killed),
    Restart("functions-killed", "the function killed, and then everything", _function_killed),
    Restart("all-killed", "everything killed at once", _all_killed),
    Restart(
        "deployment-killed",
        "everything killed amid the first deployment",
        _killed_amid_deployment,
        is_early=True,
    ),
    Restart(
        "disk-limited",
        "files cannot grow for a while, then everything killed",
        _all_killed,
        outage=_disk_limited,
    ),
    Restart(
        "disk-full",
        "the disk full for a while, then everything killed",
        _all_killed,
        outage=_disk_full,
        has_disk=True,
    ),
)


def play_restart(scenario: Restart, *, records: int) -> Outcome:
    """Send so many records while the scenario takes its course, and account for all of them.

    The port stays, and the producer keeps trying while nobody answers.
    """
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="orderstream-chaos-")))
        (home / "state").mkdir()
        if scenario.has_disk:
            stack.enter_context(_disk(home / "state"))
        threads = stack.enter_context(ThreadPoolExecutor(1))
        options, port = ("--state-dir", str(home / "state")), free_port()
        checkpoints = home / "state" / "checkpoints.json"
        # The trouble comes when some are processed, and some are not even sent.
        some_done = threading.Event()
        stack.callback(some_done.set)
        traffic: Future[list[Sent]] | None = None

        def sending(deployment: Deployment) -> list[Sent]:
            client = producer_client(first.endpoint_url, token_of(home / "state"))
            samples = sample_traffic(scenario.name, records)
            sent = send(client, deployment.stream, samples[: records // 4], _TRAFFIC_SECONDS / 4)
            some_done.wait()
            return sent + send(client, deployment.stream, samples[records // 4 :], _TRAFFIC_SECONDS)

        with OrdersUp(home, *options, port=port) as first:
            since = datetime.now(UTC) - timedelta(milliseconds=1)
            if not scenario.is_early:
                first.await_output("ready on")
                traffic = threads.submit(sending, first.deployment)
                awaited(lambda: done_up_to(checkpoints, first.deployment.mapping_id))
                if scenario.outage:
                    _sit_out(scenario.outage, first, some_done.set)
                some_done.set()
            injected = (scenario.outage is not None) + scenario.end(first)
            assert "Traceback" not in first.log.read_text()
        with OrdersUp(home, *options, port=port) as second:
            second.await_output("ready on")
            some_done.set()
            sent = traffic.result() if traffic else sending(second.deployment)
            awaited(lambda: is_past(checkpoints, second.deployment.mapping_id, sent))
            accounts = account_for(second.deployment, sent, since)
        return Outcome(scenario.name, f"restart: {scenario.fault}", (injected,), accounts)


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """A small disk at `folder`: a tmpfs."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192m", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
