"""How far the functions have certainly come: what is older and not done is missing."""

from __future__ import annotations

from datetime import datetime, timedelta

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.sdk.errors import translate_errors

# A function may still be processing a record this recent.
GRACE = timedelta(minutes=5)


def watermark(deployment: Deployment, now: datetime) -> datetime:
    """The function has had more than enough time for records that arrived before this."""
    return now - GRACE - _age(deployment, deployment.function, now)


def announced_until(deployment: Deployment, now: datetime) -> datetime:
    """The change feed has had more than enough time to announce what arrived before this."""
    return watermark(deployment, now) - _age(deployment, deployment.publisher, now)


def _age(deployment: Deployment, function: str, now: datetime) -> timedelta:
    # The age of what it is processing: after an outage, everything newer is still waiting.
    return iterator_age(deployment.cloud, function, now) or timedelta(0)


def iterator_age(cloud: AwsClients, function: str, now: datetime) -> timedelta | None:
    """The maximum age of what a function processed in the last minutes; None if it processed nothing."""
    with translate_errors("cannot read the iterator age from CloudWatch"):
        points = cloud.cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="IteratorAge",
            Dimensions=[{"Name": "FunctionName", "Value": function}],
            StartTime=now - GRACE,
            EndTime=now,
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
    ages = [timedelta(milliseconds=point["Maximum"]) for point in points]
    return max(ages, default=None)
