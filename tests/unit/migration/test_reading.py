"""What is read of the old pipeline is read whole, and its capacity is left to the old function."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from orderstream.errors import CloudError
from orderstream.migration.reading import read_sources
from orderstream.migration.sources import LegacySources, delivering
from orderstream.migration.store import LegacyStore
from orderstream.progress import no_progress
from orderstream.testing.fakes import client_error
from tests.fakes import Clock, deployment_on

ARN = "arn:aws:kinesis:eu-west-1:111122223333:stream/OrderStream"


class OldTable:
    """DynamoDB with a table of so many items, one a page; `refusals` are the codes of the next errors."""

    def __init__(self, items: int, *refusals: str) -> None:
        self.items = items
        self.refusals = list(refusals)

    def scan(self, **request: Any) -> dict[str, Any]:
        assert request["TableName"] == "Old"
        if self.refusals:
            raise client_error(self.refusals.pop(0))
        number = int(request.get("ExclusiveStartKey", {"OrderID": {"S": "0"}})["OrderID"]["S"])
        key = {"OrderID": {"S": str(number + 1)}}
        more = {"LastEvaluatedKey": key} if number + 1 < self.items else {}
        return {"Items": [key | {"CustomerID": {"S": "c"}, "OrderAmount": {"N": "1"}}], **more}


@pytest.fixture
def store() -> Iterator[LegacyStore]:
    with LegacyStore() as opened:
        yield opened


def test_a_throttled_table_is_read_to_its_end_with_pauses(store: LegacyStore) -> None:
    throttle = "ProvisionedThroughputExceededException"
    table, clock = OldTable(3, throttle, throttle), Clock()
    deployment = deployment_on(SimpleNamespace(dynamodb=table))
    counts = read_sources(store, deployment, LegacySources("Old"), no_progress, sleep=clock.sleep)
    assert (counts.items, counts.items_without_object, store.states()) == (3, 3, {"absent": 3})
    assert clock.now > 0


def test_a_table_that_may_not_be_read_is_an_error(store: LegacyStore) -> None:
    deployment = deployment_on(SimpleNamespace(dynamodb=OldTable(1, "AccessDeniedException")))
    with pytest.raises(CloudError, match="cannot read table Old"):
        read_sources(store, deployment, LegacySources("Old"), no_progress)


class Mappings:
    """Lambda with event source mappings: the ARN and the state of each."""

    def __init__(self, *mappings: tuple[str, str]) -> None:
        self.mappings = [
            {"UUID": state, "FunctionArn": "arn:aws:lambda:r:1:function:F", "State": state}
            | ({"EventSourceArn": arn} if arn else {})
            for arn, state in mappings
        ]

    def get_paginator(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(paginate=lambda: [{"EventSourceMappings": [one]} for one in self.mappings])


def test_a_mapping_may_deliver_unless_it_is_disabled_also_through_a_consumer() -> None:
    lambda_ = Mappings(
        (ARN, "Disabled"),
        (ARN, "Disabling"),
        (f"{ARN}/consumer/name:1714564800", "Enabled"),
        (f"{ARN}-another", "Enabled"),
        ("", "Enabled"),
    )
    cloud = deployment_on(SimpleNamespace(lambda_=lambda_)).cloud
    assert delivering(cloud, ARN) == ["Disabling of F", "Enabled of F"]
