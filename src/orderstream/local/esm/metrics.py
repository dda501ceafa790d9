"""Metrics: IteratorAge, and the function's own out of the embedded metric format (EMF) in its log."""

from __future__ import annotations

import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, cast

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.literals import StandardUnitType
    from mypy_boto3_cloudwatch.type_defs import DimensionTypeDef, MetricDatumTypeDef

    # What CloudWatch calls a datum, with the namespace it belongs to.
    Metric = tuple[str, MetricDatumTypeDef]

MAX_VALUES_A_DATUM = 150
_DATA_A_CALL = 200


def iterator_age(function_name: str, last_arrived_at: float, sent_at: float) -> Metric:
    """The age in ms of a batch's last record when it was sent; both times in seconds since the epoch."""
    age = max(0.0, (sent_at - last_arrived_at) * 1000)
    return _of_function("IteratorAge", function_name, age, "Milliseconds", sent_at)


def delivery_failure(function_name: str, at: float) -> Metric:
    """That an on-failure destination could not be reached and a batch is lost."""
    return _of_function("DestinationDeliveryFailures", function_name, 1, "Count", at)


def _of_function(name: str, function_name: str, value: float, unit: StandardUnitType, at: float) -> Metric:
    return "AWS/Lambda", {
        "MetricName": name,
        "Dimensions": [{"Name": "FunctionName", "Value": function_name}],
        "Timestamp": datetime.fromtimestamp(at, UTC),
        "Value": value,
        "Unit": unit,
    }


def metrics_of_log(tail: bytes, now: float) -> list[Metric]:
    """What the EMF lines in the end of a log say; every other line, and a cut-off first one, is passed over.

    `now`, in seconds since the epoch, is for lines without a time.
    """
    found: list[Metric] = []
    for line in tail.decode(errors="replace").splitlines():
        if line.startswith("{"):
            try:
                document = json.loads(line)
            except ValueError:
                continue
            found += metrics_of_document(document, now)
    return found


def metrics_of_document(document: Mapping[str, object], now: float) -> list[Metric]:
    """The metrics of one EMF document, one for each metric, dimension set and 150 values of it.

    What is not of the documented form is passed over, as CloudWatch Logs does.
    """
    about = _dict(document.get("_aws"))
    milliseconds = about.get("Timestamp")
    at = milliseconds / 1000 if isinstance(milliseconds, (int, float)) else now
    found: list[Metric] = []
    for directive in map(_dict, _list(about.get("CloudWatchMetrics"))):
        for metric in map(_dict, _list(directive.get("Metrics"))):
            found += [
                (
                    str(directive.get("Namespace")),
                    {
                        "MetricName": str(metric.get("Name")),
                        "Dimensions": dimensions,
                        "Timestamp": datetime.fromtimestamp(at, UTC),
                        "Unit": cast("StandardUnitType", metric.get("Unit", "None")),
                        "StorageResolution": 1 if metric.get("StorageResolution") == 1 else 60,
                        "Values": list(counts),
                        "Counts": [float(count) for count in counts.values()],
                    },
                )
                for dimensions in _dimension_sets(document, directive)
                for counts in _counted(document.get(str(metric.get("Name"))))
            ]
    return found


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _dimension_sets(
    document: Mapping[str, object], directive: Mapping[str, object]
) -> Iterator[list[DimensionTypeDef]]:
    # No dimension set at all is one without dimensions; a set with a name that has no value is left out.
    for names in _list(directive.get("Dimensions")) or [[]]:
        dimensions: list[DimensionTypeDef] = [
            {"Name": str(name), "Value": str(document[str(name)])}
            for name in _list(names)
            if str(name) in document
        ]
        if len(dimensions) == len(_list(names)):
            yield dimensions


def _counted(value: object) -> Iterator[dict[float, int]]:
    """Each number of `value`, an array or a number, with how often it is there; 150 numbers at a time."""
    numbers = Counter(
        float(number)
        for number in (value if isinstance(value, list) else [value])
        if isinstance(number, (int, float)) and not isinstance(number, bool) and math.isfinite(number)
    )
    rest = iter(numbers.items())
    while chunk := dict(islice(rest, MAX_VALUES_A_DATUM)):
        yield chunk


class MetricSender:
    """Collects metrics from any thread; `send` puts them into CloudWatch, a namespace at a time."""

    def __init__(self, cloudwatch: CloudWatchClient, on_problem: Callable[[str], None]) -> None:
        self._cloudwatch = cloudwatch
        self._on_problem = on_problem
        self._lock = threading.Lock()
        self._collected: list[Metric] = []

    def add(self, metrics: Iterable[Metric]) -> None:
        """Have them sent with the next `send`."""
        with self._lock:
            self._collected += metrics

    def send(self) -> None:
        """Send what was collected. What cannot be sent is told and dropped: metrics never hold up orders."""
        with self._lock:
            collected, self._collected = self._collected, []
        for namespace, data in calls(collected):
            try:
                self._cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
            except (BotoCoreError, ClientError) as error:
                self._on_problem(f"{len(data)} metrics of {namespace} not sent: {error}")


def calls(metrics: Iterable[Metric]) -> Iterator[tuple[str, list[MetricDatumTypeDef]]]:
    """The PutMetricData calls that send `metrics`: namespace and data, within the limits of a call."""
    by_namespace: dict[str, list[MetricDatumTypeDef]] = {}
    for namespace, datum in metrics:
        by_namespace.setdefault(namespace, []).append(datum)
    for namespace, data in by_namespace.items():
        for start in range(0, len(data), _DATA_A_CALL):
            yield namespace, data[start : start + _DATA_A_CALL]
