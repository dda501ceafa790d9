"""A producer whose waits pass at once, for tests with a hand-written Kinesis."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

from orderstream.client import OrderProducer
from tests.unit.client.fake_kinesis import THROTTLED

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


class FakeTime:
    """Passes only when the producer waits for a retry, and then at once."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, condition: threading.Condition, seconds: float) -> None:
        self.now += seconds


def producer_of(kinesis: object, time: FakeTime | None = None, **options: Any) -> OrderProducer:
    time = time or FakeTime()
    return OrderProducer(
        "OrderStream", cast("KinesisClient", kinesis), clock=time.clock, sleep=time.sleep, **options
    )


def refuse_all(index: int) -> str:
    return THROTTLED
