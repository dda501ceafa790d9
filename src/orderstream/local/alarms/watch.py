"""Judges the alarms of the laptop cloud again and again, as CloudWatch does, and sets their states.

MiniStack keeps alarms and metrics, and notifies when a state is set. What it makes of a metric itself knows
no dimensions, no missing data and no expressions: so that is switched off (`local/emulator.py`), and done
here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from orderstream.errors import CloudError
from orderstream.local.alarms.expression import Series
from orderstream.local.alarms.judge import MINUTE, Alarm, Metric, State, alarm_of, judge
from orderstream.ops.cloud import Cloud

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

EVERY_SECONDS = 5.0
# Metrics of a minute come a moment after it: the event source sends them every second.
LAG_SECONDS = 5
# What is older than this is not asked for again.
STILL_CHANGES_SECONDS = 600
_QUERIES_A_CALL = 500


class AlarmWatch:
    """Judges all metric alarms every few seconds, between `start` and `stop`.

    `on_problem` hears, from a thread, of each new thing that went wrong; the next round is tried anyway.
    """

    def __init__(self, cloud: Cloud, on_problem: Callable[[str], None]) -> None:
        self._cloud = cloud
        self._on_problem = on_problem
        self._told: set[str] = set()
        self._minutes: dict[Metric, Series] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_judging, name="alarms", daemon=True)
        # Clients are made on first use, and that is not safe in several threads at once.
        _ = cloud.cloudwatch

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

    def judge_all(self, now: float) -> None:
        """One round: judge all alarms by their metrics up to the last full minute before `now`."""
        alarms = list(self._alarms())
        end = int(now - LAG_SECONDS) // MINUTE * MINUTE
        self._fetch(alarms, end)
        for alarm in alarms:
            verdict = judge(alarm, self._minutes, end)
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
        for metric in self._minutes.keys() - wanted.keys():
            del self._minutes[metric]
        new = {metric: end - seconds for metric, seconds in wanted.items() if metric not in self._minutes}
        known = {metric: end - STILL_CHANGES_SECONDS for metric in self._minutes}
        for metrics in (new, known):
            if metrics:
                self._ask(metrics, min(metrics.values()), end)
        for metric, seconds in wanted.items():
            minutes = self._minutes.setdefault(metric, {})
            for minute in [minute for minute in minutes if minute < end - seconds]:
                del minutes[minute]

    def _ask(self, metrics: Iterable[Metric], begin: int, end: int) -> None:
        by_id = {f"m{number}": metric for number, metric in enumerate(metrics)}
        queries = [_query(id, metric) for id, metric in by_id.items()]
        for start in range(0, len(queries), _QUERIES_A_CALL):
            pages = self._cloud.cloudwatch.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries[start : start + _QUERIES_A_CALL],
                StartTime=datetime.fromtimestamp(begin, UTC),
                EndTime=datetime.fromtimestamp(end, UTC),
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    minutes = self._minutes.setdefault(by_id[result["Id"]], {})
                    for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                        minutes[int(at.timestamp())] = value

    def _keep_judging(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            try:
                self.judge_all(time.time())
            except (BotoCoreError, ClientError, CloudError) as error:
                self._tell(f"the alarms were not judged: {error}")

    def _tell(self, problem: str) -> None:
        # The same thing goes wrong every few seconds: once is enough to hear of it.
        if problem not in self._told and not self._stop.is_set():
            self._told.add(problem)
            self._on_problem(problem)


def _query(id: str, metric: Metric) -> MetricDataQueryTypeDef:
    return {
        "Id": id,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
            },
            "Period": MINUTE,
            "Stat": metric.statistic,
        },
    }
