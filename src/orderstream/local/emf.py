"""Extracts metrics in embedded metric format (EMF) from log lines, as CloudWatch Logs does."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple


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
    if not line.startswith("{"):
        return []
    try:
        document = json.loads(line)
    except ValueError:
        return []
    about = _dict(document.get("_aws"))
    milliseconds = about.get("Timestamp")
    at = milliseconds / 1000 if isinstance(milliseconds, (int, float)) else now
    found: list[EmfDatum] = []
    for directive in map(_dict, _list(about.get("CloudWatchMetrics"))):
        namespace = str(directive.get("Namespace"))
        for metric in map(_dict, _list(directive.get("Metrics"))):
            name, unit = str(metric.get("Name")), str(metric.get("Unit", "None"))
            values = _counted(document.get(name))
            for dimensions in _dimension_sets(document, directive) if values else ():
                found.append(EmfDatum(namespace, name, dimensions, unit, at, values))
    return found


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _dimension_sets(
    document: Mapping[str, object], directive: Mapping[str, object]
) -> Iterator[dict[str, str]]:
    # Without dimension sets, there is one without dimensions; a set with a name that has no value is skipped.
    for names in _list(directive.get("Dimensions")) or [[]]:
        set_ = {str(name): str(document[str(name)]) for name in _list(names) if str(name) in document}
        if len(set_) == len(_list(names)):
            yield set_


def _counted(value: object) -> dict[float, int]:
    """The count of each number in `value`, an array or a number."""
    return Counter(
        float(number)
        for number in (value if isinstance(value, list) else [value])
        if isinstance(number, (int, float)) and not isinstance(number, bool) and math.isfinite(number)
    )
