"""The scenarios in which a process is killed, again and again, at random moments while orders flow."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path

from bench.proc_stats import children

from tests.chaos.environment import PATIENCE_SECONDS, Stage, event_source
from tests.chaos.scenarios import Scenario

_DICE = random.Random(1)


@contextmanager
def _killing(kill_once: Callable[[threading.Event, int], int]) -> Iterator[Callable[[], list[int]]]:
    """Kill while the block runs; `kill_once` gets the number of kills before, and returns that of new ones.

    It waits on the event, which ends the killing.
    """
    kills = 0
    over = threading.Event()

    def keep_killing() -> None:
        nonlocal kills
        while not over.is_set():
            kills += kill_once(over, kills)

    with ThreadPoolExecutor(1) as threads:
        killing = threads.submit(keep_killing)
        try:
            yield lambda: [kills]
        finally:
            over.set()
        killing.result()


def function_killed(
    stage: Stage, pauses: tuple[float, float] = (1, 4)
) -> AbstractContextManager[Callable[[], list[int]]]:
    """Kill one of the function's processes, which are MiniStack's children, after each pause (seconds)."""
    ministack = stage.ministack.pid
    assert ministack

    def kill_once(over: threading.Event, kills: int) -> int:
        pause = _DICE.uniform(*pauses) if kills else _DICE.uniform(0.1, 1)
        while not over.wait(pause):
            pause = 0.1
            if running := children(ministack):
                with suppress(ProcessLookupError):
                    os.kill(_DICE.choice(running), signal.SIGKILL)
                    return 1
        return 0

    return _killing(kill_once)


@contextmanager
def event_source_killed(stage: Stage) -> Iterator[Callable[[], list[int]]]:
    """Have the stream read by a process that is killed within seconds, and started again."""
    spawn = get_context("spawn")
    arguments = (stage.wire.endpoint_url, stage.deployment.mapping_id, stage.checkpoints)

    def kill_once(over: threading.Event, kills: int) -> int:
        ready = spawn.Event()
        process = spawn.Process(target=_read_until_killed, args=(*arguments, ready), daemon=True)
        process.start()
        assert ready.wait(PATIENCE_SECONDS), "the event source does not start"
        # The first one early: nobody else reads, and so something is left to be read.
        is_over = over.wait(_DICE.uniform(0.1, 2.5 if kills else 0.3))
        process.kill()
        process.join()
        return not is_over

    with stage.another_event_source(), _killing(kill_once) as count:
        yield count


def _read_until_killed(endpoint_url: str, mapping_id: str, checkpoints: Path, ready: Event) -> None:
    """An event source in a process of its own: nothing is saved or waited for at its end."""
    parent = os.getppid()
    source = event_source(endpoint_url, mapping_id, checkpoints)
    source.start()
    ready.set()
    while os.getppid() == parent:
        source.check()
        time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)


SCENARIOS = (
    Scenario("function-killed", "the function's processes killed", function_killed, slower=6),
    Scenario("event-source-killed", "the event source killed", event_source_killed, is_outage=True, slower=6),
)
