"""The scenarios in which a process is killed, again and again, at random moments while orders flow."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.chaos.child import child
from tests.chaos.environment import TOKEN, Stage, awaited
from tests.chaos.scenarios import Scenario

_DICE = random.Random(1)


def children(parent: int) -> list[int]:
    """The ids of the processes that `parent` started and that run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # After the name, which may hold anything, come the state and the id of the parent.
            state, its_parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(its_parent) == parent and state != "Z":
                found.append(int(entry.name))
    return found


def ministack_process(port: int) -> int:
    """The id of the MiniStack on `port`, which this process started."""
    (found,) = [
        process
        for process in children(os.getpid())
        if f"GATEWAY_PORT={port}\0".encode() in Path(f"/proc/{process}/environ").read_bytes()
    ]
    return found


@contextmanager
def function_killed(stage: Stage) -> Iterator[Callable[[], list[int]]]:
    """Kill one of the function's processes, which are MiniStack's children, every two or three seconds."""
    ministack = ministack_process(stage.ministack.port)
    kills = 0
    over = threading.Event()

    def keep_killing() -> None:
        nonlocal kills
        pause = _DICE.uniform(0.1, 1)
        while not over.wait(pause):
            running = children(ministack)
            pause = _DICE.uniform(1, 4) if running else 0.1
            if running:
                with suppress(ProcessLookupError):
                    os.kill(_DICE.choice(running), signal.SIGKILL)
                    kills += 1

    with ThreadPoolExecutor(1) as threads:
        killing = threads.submit(keep_killing)
        try:
            yield lambda: [kills]
        finally:
            over.set()
    killing.result()


@contextmanager
def event_source_killed(stage: Stage) -> Iterator[Callable[[], list[int]]]:
    """Have the stream read by a process that is killed within seconds, and started again."""
    kills = 0
    over = threading.Event()
    log = stage.work_dir / "event-source.log"
    arguments = (stage.wire.endpoint_url, TOKEN, stage.deployment.mapping_id, str(stage.checkpoints))

    def keep_killing() -> None:
        nonlocal kills
        while not over.is_set():
            log.write_bytes(b"")
            with child("tests.chaos.event_source_process", *arguments, log=log) as process:
                awaited(lambda: b"ready" in log.read_bytes() or process.poll() is not None)
                assert process.poll() is None, log.read_text()
                # The first one early: nobody else reads, and so something is left to be read.
                if not over.wait(_DICE.uniform(0.1, 2.5 if kills else 0.3)):
                    process.kill()
                    kills += 1

    with stage.another_event_source(), ThreadPoolExecutor(1) as threads:
        killing = threads.submit(keep_killing)
        try:
            yield lambda: [kills]
        finally:
            over.set()
        killing.result()


SCENARIOS = (
    Scenario("function-killed", "the function's processes killed", function_killed, slower=6),
    Scenario("event-source-killed", "the event source killed", event_source_killed, is_outage=True, slower=6),
)
