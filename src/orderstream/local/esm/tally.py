"""Aggregates frequent measurements by metric and minute, so that a busy stream makes few calls."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.literals import StandardUnitType

    from orderstream.local.esm.metrics import Metric

# A first value is sent immediately, so that a single order shows up; later ones are sent as one set per
# interval. Zeros only show that measuring goes on: four a minute are enough for that.
SECONDS_BETWEEN = 5.0
SECONDS_BETWEEN_ZEROS = 15.0
_MINUTE = 60


def minute_of(at: float) -> int:
    """The beginning of the minute of `at`; both in seconds since the epoch."""
    return int(at // _MINUTE) * _MINUTE


@dataclass(frozen=True, slots=True)
class Series:
    """A metric with its dimensions, as (name, value) in AWS's order."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: StandardUnitType


@dataclass(slots=True)
class _Set:
    count: int
    total: float
    least: float
    most: float


class MetricTally:
    """Collects values from any thread, by series and minute; `take` returns what is due."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sets: dict[tuple[Series, int], _Set] = {}
        self._sent_at: dict[Series, float] = {}

    def add(self, series: Series, value: float, at: float) -> None:
        """Add `value` to the minute of `at`, in seconds since the epoch."""
        key = series, minute_of(at)
        with self._lock:
            found = self._sets.get(key)
            if found is None:
                self._sets[key] = _Set(1, value, value, value)
            else:
                found.count += 1
                found.total += value
                found.least = min(found.least, value)
                found.most = max(found.most, value)

    def take(self, now: float, *, everything: bool = False) -> list[Metric]:
        """Remove and return the sets that are due at `now` (seconds since the epoch), or all."""
        with self._lock:
            due = [key for key, found in self._sets.items() if everything or self._is_due(key[0], found, now)]
            for series, _ in due:
                self._sent_at[series] = now
            return [_datum(*key, self._sets.pop(key)) for key in due]

    def _is_due(self, series: Series, found: _Set, now: float) -> bool:
        waited = now - self._sent_at.get(series, float("-inf"))
        return waited >= (SECONDS_BETWEEN if found.total else SECONDS_BETWEEN_ZEROS)


def _datum(series: Series, minute: int, found: _Set) -> Metric:
    return series.namespace, {
        "MetricName": series.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
        "Timestamp": datetime.fromtimestamp(minute, UTC),
        "Unit": series.unit,
        "StatisticValues": {
            "SampleCount": found.count,
            "Sum": found.total,
            "Minimum": found.least,
            "Maximum": found.most,
        },
    }
