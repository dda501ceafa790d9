"""What is discarded is delivered, or its loss is reported."""

from __future__ import annotations

from typing import Any, cast

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.aws.kinesis_event import EventRecord
from orderstream.local.esm.destination import Destination, Ending
from orderstream.local.esm.failures import MappingSource
from orderstream.local.esm.lanes import Discarded

BUCKET = "arn:aws:s3:::orders"
SOURCE = MappingSource("mapping", "function", "stream", "shard-0")
DISCARDED = Discarded((EventRecord("5", "k", 0, 0, None, b"{}"),), "RetryAttemptsExhausted", 3)


class FakeCloud:
    """S3, which refuses as many calls as it is told to."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.sent: list[dict[str, Any]] = []

    @property
    def s3(self) -> FakeCloud:
        return self

    def put_object(self, **request: Any) -> None:
        self.sent.append(request)
        if self.refusals:
            self.refusals -= 1
            raise ClientError({"Error": {"Code": "NoSuchBucket", "Message": "no"}}, "PutObject")


class Scene:
    def __init__(self, arn: str, *, refusals: int = 0, patience: float = 1000, stops: bool = False) -> None:
        self.cloud = FakeCloud(refusals)
        self.problems: list[str] = []
        self.endings: list[tuple[Ending, int]] = []
        self.destination = Destination(
            cloud=cast(AwsClients, self.cloud),
            arn=arn,
            wait=lambda seconds: stops,
            on_problem=self.problems.append,
            on_end=lambda ending, records: self.endings.append((ending, records)),
            patience=patience,
        )

    def take(self) -> bool:
        return self.destination.take(DISCARDED, SOURCE, None)


def test_a_destination_that_is_away_for_a_while_loses_nothing() -> None:
    scene = Scene(BUCKET, refusals=5)
    assert scene.take()
    assert len(scene.cloud.sent) == 6
    assert len({request["Key"] for request in scene.cloud.sent}) == 1, "one failure, one object"
    assert len(scene.problems) == 1 and "yet" in scene.problems[0]
    assert scene.endings == [("delivered", 1)]


def test_a_destination_that_stays_away_loses_the_records_and_says_so() -> None:
    scene = Scene(BUCKET, refusals=10**9, patience=-1)
    assert scene.take()
    assert scene.endings == [("lost", 1)]
    assert scene.problems[-1].startswith("LOST: 1 record(s) of shard-0")


def test_a_stop_leaves_the_records_to_the_next_start() -> None:
    scene = Scene(BUCKET, refusals=10**9, stops=True)
    assert not scene.take()
    assert scene.endings == []


def test_without_a_destination_records_are_dropped_and_told() -> None:
    scene = Scene("")
    assert scene.take()
    assert scene.cloud.sent == []
    assert scene.endings == [("dropped", 1)]
    assert "no on-failure destination" in scene.problems[0]
