"""What tests of several packages share: a deployment on any clients, and a clock."""

from __future__ import annotations

from typing import cast

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment

RESOURCES = {
    "StreamName": "S",
    "TableName": "Orders",
    "CustomerIndex": "ByCustomer",
    "ArchiveBucket": "archive",
    "DiscardedBucket": "discarded",
    "FunctionName": "F",
    "FunctionAlias": "live",
    "EventSourceMapping": "mapping",
}


def deployment_on(cloud: object) -> Deployment:
    """A deployment with RESOURCES, whose clients are `cloud`: any object with those that the test needs."""
    return Deployment(cast(AwsClients, cloud), "test", RESOURCES)


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
