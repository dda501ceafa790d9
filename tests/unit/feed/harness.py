"""The pipeline with a table that has a stream, and the feed that announces what the stream reports."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, cast

from orderstream.feed.lambda_handler import FeedServices, handle_with
from orderstream.feed.publisher import Publisher
from orderstream.pipeline.event_table import EventTable
from orderstream.pipeline.table import OrderTable
from tests.unit.client.fake_kinesis import FakeKinesis
from tests.unit.feed.table_stream import StreamedDynamo
from tests.unit.pipeline.harness import Pipeline

Announced = dict[str, Any]


class Context:
    """The context of an invocation with this much time."""

    aws_request_id = "request-1"

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


class Feed(Pipeline):
    """Orders and events in, announcements out."""

    def __init__(self, *, personal: bool = False, verdicts: Iterable[Any] = ()) -> None:
        super().__init__()
        self.dynamo: StreamedDynamo = StreamedDynamo()
        self.kinesis = FakeKinesis(verdicts)
        self.personal = personal
        self.now = 0.0

    def announce(self, records: Sequence[dict[str, Any]], seconds: float = 60.0) -> list[str]:
        """Hand records of the table's stream to the function; return the numbers of those that failed."""
        orders = OrderTable(self.dynamo, "Orders", sleep=self._wait, jitter=lambda: 1.0)
        publisher = Publisher(
            "OrderChanges",
            cast("Any", self.kinesis),
            clock=lambda: self.now,
            sleep=self._wait,
            jitter=lambda: 1.0,
        )
        events = EventTable(self.dynamo, "OrderEvents", orders)
        use = FeedServices("orderstream", "/orderstream/test", self.personal, events, publisher)
        self.log = io.StringIO()
        with contextlib.redirect_stdout(self.log):
            answer = handle_with(use, {"Records": list(records)}, Context(seconds))
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    @property
    def announced(self) -> list[Announced]:
        """What is on the stream, numbers as Decimal."""
        return [json.loads(data, parse_float=Decimal) for data in self.kinesis.stored]

    def _wait(self, seconds: float) -> None:
        self.now += seconds
