"""The alarms of a stack: metric alarms and composite alarms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orderstream.aws.clients import AwsClients


def describe_alarms(cloud: AwsClients, stack: str, **narrowed: Any) -> Iterator[Any]:
    """Yield the alarms as DescribeAlarms returns them; `narrowed` is passed to it. SDK errors propagate."""
    pages = cloud.cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=f"{stack}-", AlarmTypes=["MetricAlarm", "CompositeAlarm"], **narrowed
    )
    for page in pages:
        yield from page.get("MetricAlarms", [])
        yield from page.get("CompositeAlarms", [])
