"""Periodically evaluates the alarms of the local cloud as CloudWatch does, and sets their states.

MiniStack stores alarms and metrics, and notifies when a state is set. Its own evaluation ignores dimensions,
missing data and expressions, so `local/ministack_patches.py` disables it and this module replaces it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from orderstream.aws.clients import AwsClients
from orderstream.aws.metrics import MINUTE, Metric, read_metrics
from orderstream.errors import CloudError
from orderstream.local.alarms.evaluator import Alarm, State, alarm_of, evaluate_alarm
from orderstream.local.alarms.expression import Series
from orderstream.local.threads import Threads

EVERY_SECONDS = 5.0
STOP_SECONDS = 60.0
# A minute's metrics arrive shortly after it ends: the event source sends them every second.
LAG_SECONDS = 5
# Values older than this are not fetched again.
STILL_CHANGES_SECONDS = 600


class AlarmEvaluationLoop(AbstractContextManager["AlarmEvaluationLoop"]):
    """Evaluates all metric alarms every few seconds in a `with` block.

    `on_problem` is called from a thread, once for each distinct problem; the next round runs regardless.
    """

    def __init__(self, cloud: AwsClients, on_problem: Callable[[str], None]) -> None:
        self._cloud = cloud
        self._on_problem = on_problem
        self._told: set[str] = set()
        self._minutes: dict[Metric, Series] = {}
        # How many seconds of history each metric has.
        self._reach: dict[Metric, int] = {}
        self._threads = Threads("the evaluation of the alarms")

    def __enter__(self) -> Self:
        self._threads.start(self._keep_evaluating, "alarms")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop; return when the current round is over."""
        self._threads.stop(STOP_SECONDS)

    def evaluate_all(self, now: float) -> None:
        """Run one round: evaluate all alarms on their metrics up to the last full minute before `now`."""
        alarms = list(self._alarms())
        end = int(now - LAG_SECONDS) // MINUTE * MINUTE
        self._fetch(alarms, end)
        for alarm in alarms:
            try:
                verdict = evaluate_alarm(alarm, self._minutes, end)
            except CloudError as error:
                # The other alarms can still be evaluated.
                self._tell(f"{error.message}, in alarm {alarm.name}")
                continue
            if verdict and verdict[0] != alarm.state:
                self._set(alarm.name, *verdict)

    def _set(self, name: str, state: State, reason: str) -> None:
        client = self._cloud.cloudwatch
        # An alarm can be deleted with its stack at any moment.
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
        """Update the minutes of all metrics. For known metrics, fetch only what can still change."""
        wanted: dict[Metric, int] = {}
        for alarm in alarms:
            for metric in alarm.metrics.values():
                wanted[metric] = max(wanted.get(metric, 0), alarm.seconds)
        # A metric that needs a longer history than before is fetched like a new one.
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

    def _keep_evaluating(self) -> None:
        while not self._threads.stopping.wait(EVERY_SECONDS):
            try:
                self.evaluate_all(time.time())
            except (BotoCoreError, ClientError, CloudError) as error:
                self._tell(f"the alarms were not judged: {error}")

    def _tell(self, problem: str) -> None:
        # The same problem recurs every few seconds: report it once.
        if problem not in self._told and not self._threads.stopping.is_set():
            self._told.add(problem)
            self._on_problem(problem)
