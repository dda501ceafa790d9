"""Extracts metrics in embedded metric format (EMF) from log lines, as CloudWatch Logs does."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple


class EmfDatum(NamedTuple):
    """A datum: the count of each of its values; `at` in seconds since the epoch."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    unit: str
    at: float
    values: dict[float, int]


def metrics_of_line(line: str, now: float) -> list[EmfDatum]:
    """A datum for each metric and dimension set of a log line; none if the line is not EMF.

    `now`, in seconds since the epoch, is used for a line without a timestamp.
    """
    try:
        return list(_metrics(json.loads(line), now))
    except (ValueError, LookupError, TypeError, AttributeError):
        return []


def _metrics(document: dict[str, Any], now: float) -> Iterator[EmfDatum]:
    about = document["_aws"]
    at = about["Timestamp"] / 1000 if "Timestamp" in about else now
    for directive in about["CloudWatchMetrics"]:
        # Without dimension sets, there is one without dimensions.
        for names in directive.get("Dimensions") or [[]]:
            if not all(name in document for name in names):
                continue
            dimensions = {name: str(document[name]) for name in names}
            for metric in directive["Metrics"]:
                unit = metric.get("Unit", "None")
                if values := _counted(document.get(metric["Name"])):
                    yield EmfDatum(directive["Namespace"], metric["Name"], dimensions, unit, at, values)


def _counted(value: object) -> dict[float, int]:
    """The count of each number in `value`, an array or a number."""
    return Counter(
        float(number)
        for number in (value if isinstance(value, list) else [value])
        if isinstance(number, (int, float)) and not isinstance(number, bool) and math.isfinite(number)
    )
