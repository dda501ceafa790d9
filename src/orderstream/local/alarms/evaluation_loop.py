"""Judges the alarms of the laptop cloud again and again, as CloudWatch does, and sets their states.

MiniStack keeps alarms and metrics, and notifies when a state is set. What it makes of a metric itself knows
no dimensions, no missing data and no expressions: so that is switched off (`local/ministack_patches.py`),
and done here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from orderstream.aws.clients import AwsClients
from orderstream.aws.metrics import MINUTE, Metric, read_metrics
from orderstream.errors import CloudError
from orderstream.local.alarms.evaluator import Alarm, State, alarm_of, evaluate_alarm
from orderstream.local.alarms.expression import Series

EVERY_SECONDS = 5.0
# Metrics of a minute come a moment after it: the event source sends them every second.
LAG_SECONDS = 5
# What is older than this is not asked for again.
STILL_CHANGES_SECONDS = 600


class AlarmEvaluationLoop:
    """Judges all metric alarms every few seconds, between `start` and `stop`.

    `on_problem` hears, from a thread, of each new thing that went wrong; the next round is tried anyway.
    """

    def __init__(self, cloud: AwsClients, on_problem: Callable[[str], None]) -> None:
        self._cloud = cloud
        self._on_problem = on_problem
        self._told: set[str] = set()
        self._minutes: dict[Metric, Series] = {}
        # How many seconds back they are known.
        self._reach: dict[Metric, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_judging, name="alarms", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the round under way is over."""
        self._stop.set()
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def evaluate_all(self, now: float) -> None:
        """One round: judge all alarms by their metrics up to the last full minute before `now`."""
        alarms = list(self._alarms())
        end = int(now - LAG_SECONDS) // MINUTE * MINUTE
        self._fetch(alarms, end)
        for alarm in alarms:
            try:
                verdict = evaluate_alarm(alarm, self._minutes, end)
            except CloudError as error:
                # Only this one cannot be judged.
                self._tell(f"{error.message}, in alarm {alarm.name}")
                continue
            if verdict and verdict[0] != alarm.state:
                self._set(alarm.name, *verdict)

    def _set(self, name: str, state: State, reason: str) -> None:
        client = self._cloud.cloudwatch
        # An alarm may go with its stack at any moment.
        with suppress(client.exceptions.ResourceNotFound):
            client.set_alarm_state(AlarmName=name, StateValue=state, StateReason=reason)

    def _alarms(self) -> Iterable[Alarm]:
        for page in self._cloud.cloudwatch.get_paginator("describe_alarms").paginate():
            for given in page["MetricAlarms"]:
                try:
                    yield alarm_of(given)
                except CloudError as error:
                    self._tell(error.message)

    def _fetch(self, alarms: list[Alarm], end: int) -> None:
        """Bring the minutes of all metrics up to date: of those that are known, only what still changes."""
        wanted: dict[Metric, int] = {}
        for alarm in alarms:
            for metric in alarm.metrics.values():
                wanted[metric] = max(wanted.get(metric, 0), alarm.seconds)
        # What is looked at further back than before is as good as new.
        new = [metric for metric, seconds in wanted.items() if self._reach.get(metric, 0) < seconds]
        known = [metric for metric in wanted if metric not in new]
        found = read_metrics(self._cloud, new, end - max((wanted[metric] for metric in new), default=0), end)
        for metric, changed in read_metrics(self._cloud, known, end - STILL_CHANGES_SECONDS, end).items():
            found[metric] = self._minutes[metric] | changed
        self._minutes = {
            metric: {minute: value for minute, value in minutes.items() if minute >= end - wanted[metric]}
            for metric, minutes in found.items()
        }
        self._reach = wanted

    def _keep_judging(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            try:
                self.evaluate_all(time.time())
            except (BotoCoreError, ClientError, CloudError) as error:
                self._tell(f"the alarms were not judged: {error}")

    def _tell(self, problem: str) -> None:
        # The same thing goes wrong every few seconds: once is enough to hear of it.
        if problem not in self._told and not self._stop.is_set():
            self._told.add(problem)
            self._on_problem(problem)
