"""The alarms of a stack, those on metrics and those on other alarms alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orderstream.aws.clients import AwsClients


def describe_alarms(cloud: AwsClients, stack: str, **narrowed: Any) -> Iterator[Any]:
    """Them as DescribeAlarms has them, which `narrowed` is for. Errors of the SDK come through."""
    pages = cloud.cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=f"{stack}-", AlarmTypes=["MetricAlarm", "CompositeAlarm"], **narrowed
    )
    for page in pages:
        yield from page.get("MetricAlarms", [])
        yield from page.get("CompositeAlarms", [])
