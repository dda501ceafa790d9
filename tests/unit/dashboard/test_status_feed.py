"""What a stack is doing is looked up once for all who look, and a cloud that is silent is told."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

from orderstream.aws.clients import AwsClients
from orderstream.dashboard.status_feed import StatusFeed


class Meta:
    endpoint_url = "http://127.0.0.1:1"


class CloudFormation:
    """Knows no stack; while it is `silent`, it does not even say so."""

    meta = Meta()

    def __init__(self) -> None:
        self.asked = 0
        self.speaks = threading.Event()
        self.speaks.set()

    def describe_stacks(self, **_: Any) -> Any:
        self.asked += 1
        self.speaks.wait(10)
        return {"Stacks": [{"StackId": "an id", "StackStatus": "DELETE_COMPLETE"}]}


class FakeCloud:
    def __init__(self) -> None:
        self.cloudformation = CloudFormation()


def source(cloud: FakeCloud, patience: float = 5) -> StatusFeed:
    return StatusFeed(cast(AwsClients, cloud), "shop", patience)


def test_many_who_look_at_once_make_one_look() -> None:
    cloud = FakeCloud()

    async def look() -> StatusFeed:
        looked_at = source(cloud)
        await asyncio.gather(*(looked_at.refresh() for _ in range(20)))
        return looked_at

    looked_at = asyncio.run(look())
    assert cloud.cloudformation.asked == looked_at.looks == 1
    assert looked_at.problem and "there is no stack shop here" in looked_at.problem.message


def test_a_cloud_that_does_not_answer_is_told_and_asked_again() -> None:
    cloud = FakeCloud()
    cloud.cloudformation.speaks.clear()

    async def look() -> StatusFeed:
        looked_at = source(cloud, patience=0.05)
        await looked_at.refresh()
        cloud.cloudformation.speaks.set()
        return looked_at

    looked_at = asyncio.run(look())
    assert looked_at.problem and "has not answered for 0.05 seconds" in looked_at.problem.message
    assert looked_at.looks == 1
