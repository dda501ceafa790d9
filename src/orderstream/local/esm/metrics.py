"""Builds CloudWatch metric data and sends it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.literals import StandardUnitType
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

    # A CloudWatch metric datum and its namespace.
    Metric = tuple[str, MetricDatumTypeDef]

_DATA_A_CALL = 200


def iterator_age(function_name: str, last_arrived_at: float, sent_at: float) -> Metric:
    """The age in ms of a batch's last record when it was sent; both times in seconds since the epoch."""
    age = max(0.0, (sent_at - last_arrived_at) * 1000)
    return _of_function("IteratorAge", function_name, age, "Milliseconds", sent_at)


def delivery_failure(function_name: str, at: float) -> Metric:
    """Counts a batch that was lost because its on-failure destination could not be reached."""
    return _of_function("DestinationDeliveryFailures", function_name, 1, "Count", at)


def _of_function(name: str, function_name: str, value: float, unit: StandardUnitType, at: float) -> Metric:
    return "AWS/Lambda", {
        "MetricName": name,
        "Dimensions": [{"Name": "FunctionName", "Value": function_name}],
        "Timestamp": datetime.fromtimestamp(at, UTC),
        "Value": value,
        "Unit": unit,
    }


class MetricSender:
    """Collects metrics from any thread; `send` publishes them to CloudWatch, one namespace at a time."""

    def __init__(self, cloudwatch: CloudWatchClient, on_problem: Callable[[str], None]) -> None:
        self._cloudwatch = cloudwatch
        self._on_problem = on_problem
        self._lock = threading.Lock()
        self._collected: list[Metric] = []

    def add(self, metrics: Iterable[Metric]) -> None:
        """Queue `metrics` for the next `send`."""
        with self._lock:
            self._collected += metrics

    def send(self) -> None:
        """Send what was collected. Failures are reported and dropped: metrics never delay orders."""
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
