"""The way to AWS with faults on it: clients → LossyProxy → microburst → MiniStack."""

from __future__ import annotations

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orderstream.local.ministack import MiniStack, free_port
from tests.chaos.child import child
from tests.chaos.lossy_proxy import NO_LOSSES, Losses, LossyProxy

START_SECONDS = 60

# A rule as microburst takes it.
Rule = dict[str, Any]


class Wire:
    """The proxies between clients and MiniStack; without faults they pass everything on as it is."""

    def __init__(self, microburst_url: str, lossy: LossyProxy) -> None:
        self.endpoint_url = f"http://127.0.0.1:{lossy.port}"
        self._microburst_url = microburst_url
        self._lossy = lossy

    @contextmanager
    def faults(self, rules: Sequence[Rule], losses: Losses) -> Iterator[Faults]:
        """Make these faults while the block runs; at its end every call that had one has come to its end."""
        before = self._lossy.fired
        numbers = [rule["id"] for rule in self._control("POST", "rules", list(rules))]
        self._lossy.losses = losses
        try:
            yield Faults(self, numbers, losses, before)
        finally:
            self._lossy.losses = NO_LOSSES
            self._control("DELETE", "rules", [])
            self._await_end_of(self._lossy.under_way)

    def fired_rules(self) -> dict[int, int]:
        """How often microburst made the fault of each rule that there ever was, by its audit.

        Its list of fired faults keeps the latest 2,000; these are the counts of the same events.
        """
        audit = self._control("GET", "stats")["by_rule"]
        return {entry["id"]: entry["fired"] for entry in audit}

    def fired_losses(self) -> Counter[str]:
        """How often LossyProxy did what, since the start."""
        return self._lossy.fired

    def _await_end_of(self, calls: frozenset[int]) -> None:
        # A call that was delayed past its client's patience is carried out all the same.
        deadline = time.monotonic() + START_SECONDS
        while calls & self._lossy.under_way:
            assert time.monotonic() < deadline, "calls do not come to an end"
            time.sleep(0.02)

    def _control(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"{self._microburst_url}/_microburst/{path}",
            method=method,
            data=None if method == "GET" else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


class Faults:
    """The faults that are made now."""

    def __init__(self, wire: Wire, rules: Sequence[int], losses: Losses, before: Counter[str]) -> None:
        self._wire = wire
        self._rules = rules
        self._losses = losses
        self._before = before

    def fired(self) -> list[int]:
        """How often each of them was made so far."""
        audit = self._wire.fired_rules()
        losses = self._wire.fired_losses() - self._before
        return [audit.get(rule, 0) for rule in self._rules] + [
            losses[name] for name in sorted(self._losses.names)
        ]


@contextmanager
def wire_to(ministack: MiniStack, work_dir: Path) -> Iterator[Wire]:
    """A Wire to a running MiniStack; its log is in `work_dir`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = work_dir / "microburst.log"
    with child(
        "microburst", "--upstream", ministack.endpoint_url, "--port", str(port), log=log
    ) as microburst:
        deadline = time.monotonic() + START_SECONDS
        while not _is_healthy(url):
            running = microburst.poll() is None and time.monotonic() < deadline
            assert running, f"microburst did not start:\n{log.read_text()}"
            time.sleep(0.05)
        with LossyProxy(port, ministack.port) as lossy:
            yield Wire(url, lossy)


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_microburst/health", timeout=1):
            return True
    except OSError:
        return False
