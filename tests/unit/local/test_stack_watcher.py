"""Delivery follows the stacks: one that goes during a look ends nothing, a broken one does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.errors import CloudError
from orderstream.local.stack_watcher import StackWatcher
from orderstream.testing.fakes import client_error

ARN = "arn:aws:cloudformation:eu-west-1:000000000001:stack/shop/1"
OUTPUTS = {
    "StreamName": "s",
    "TableName": "t",
    "CustomerIndex": "none",
    "ArchiveBucket": "b",
    "DiscardedBucket": "d",
    "FunctionName": "f",
    "FunctionAlias": "live",
    "EventSourceMapping": "uuid",
}


class World:
    """One stack at CloudFormation and Lambda. Its mapping can be read once; at the next read comes `then`."""

    def __init__(self, then: Callable[[World], None]) -> None:
        self.status: str | None = "CREATE_COMPLETE"
        self._then = then
        self._reads = 0
        self.cloudformation = self.lambda_ = self

    def _stacks(self) -> list[dict[str, Any]]:
        if self.status is None:
            return []
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in OUTPUTS.items()]
        return [
            {
                "StackName": "shop",
                "StackId": ARN,
                "StackStatus": self.status,
                "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
                "Outputs": outputs,
            }
        ]

    def get_paginator(self, name: str) -> World:
        assert name in ("describe_stacks", "list_stack_resources")
        return self

    def paginate(self, StackName: str = "") -> Iterator[dict[str, Any]]:
        resource = {
            "LogicalResourceId": "Mapping",
            "ResourceType": "AWS::Lambda::EventSourceMapping",
            "PhysicalResourceId": "uuid",
            "ResourceStatus": "CREATE_COMPLETE",
        }
        yield {"Stacks": self._stacks(), "StackResourceSummaries": [resource]}

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if self.status is None:
            raise client_error("ValidationError", message=f"Stack {StackName} does not exist")
        return {"Stacks": self._stacks()}

    def get_event_source_mapping(self, UUID: str) -> dict[str, str]:
        assert UUID == "uuid"
        self._reads += 1
        if self._reads == 1:
            return {"State": "Disabled", "FunctionArn": "f", "EventSourceArn": "arn:aws:kinesis:::stream/s"}
        self._then(self)
        raise client_error("ResourceNotFoundException", 404)

    def get_function_configuration(self, FunctionName: str) -> dict[str, str]:
        assert FunctionName == "f"
        return {"CodeSha256": "0"}


def following(world: World, folder: Path, problems: list[str], seen: list[Deployment | None]) -> StackWatcher:
    return StackWatcher(
        cast(AwsClients, world),
        "shop",
        checkpoints=folder / "checkpoints",
        progress=lambda step: None,
        problem=problems.append,
        changed=seen.append,
    )


@pytest.mark.parametrize("status", [None, "DELETE_IN_PROGRESS"])
def test_a_stack_that_goes_between_the_listing_and_its_look_is_no_problem(
    status: str | None, tmp_path: Path
) -> None:
    problems: list[str] = []
    seen: list[Deployment | None] = []

    def gone(world: World) -> None:
        world.status = status

    with following(World(gone), tmp_path, problems, seen) as followed:
        deadline = time.monotonic() + 60
        while len(seen) < 2 and time.monotonic() < deadline:
            followed.check()
            time.sleep(0.01)
    assert problems == []
    assert [stack and stack.name for stack in seen] == ["shop", None]


def test_a_stack_that_is_there_and_cannot_be_delivered_to_ends_it(tmp_path: Path) -> None:
    with (
        pytest.raises(CloudError, match="cannot read event source mapping uuid"),
        following(World(lambda world: None), tmp_path, [], []),
    ):
        pass
