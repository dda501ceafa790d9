"""CloudWatch metrics: which metric and statistic, and their values by period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orderstream.aws.clients import AwsClients

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

MINUTE = 60
# The most metrics that AWS accepts in a call.
_METRICS_A_CALL = 500


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, its dimensions as (name, value), and the statistic to read for each period."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str = "Sum"


def read_metrics(
    cloud: AwsClients, metrics: Sequence[Metric], begin: int, end: int, period: int = MINUTE
) -> dict[Metric, dict[int, float]]:
    """The values of each metric from `begin` to `end` (exclusive), by the start of their period.

    Times are in seconds since the epoch, `period` in seconds. SDK errors propagate.
    """
    found: dict[Metric, dict[int, float]] = {metric: {} for metric in metrics}
    for start in range(0, len(metrics), _METRICS_A_CALL):
        some = metrics[start : start + _METRICS_A_CALL]
        pages = cloud.cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=[_query(number, metric, period) for number, metric in enumerate(some)],
            StartTime=datetime.fromtimestamp(begin, UTC),
            EndTime=datetime.fromtimestamp(end, UTC),
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                values = found[some[int(result["Id"].removeprefix("m"))]]
                for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                    values[int(at.timestamp())] = value
    return found


def _query(number: int, metric: Metric, period: int) -> MetricDataQueryTypeDef:
    return {
        "Id": f"m{number}",
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
            },
            "Period": period,
            "Stat": metric.statistic,
        },
    }
