"""The whole path of an order in memory: stream, event source, function, table and archive."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec

from orderstream.aws.kinesis_event import event_of
from orderstream.domain.object_keys import ORDERS, QUARANTINE
from orderstream.domain.user_model import order_model
from orderstream.local.esm.lanes import Batch, Discarded, Rules
from orderstream.local.esm.outcomes import Failed, Outcome, read_answer
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes, read_lines
from orderstream.pipeline.attributes import plain_value
from orderstream.pipeline.lambda_handler import handle_with
from orderstream.pipeline.quarantine import QuarantineWriter
from orderstream.pipeline.services import Services, lifecycle, make_archive
from orderstream.pipeline.settings import Settings
from orderstream.pipeline.table import OrderTable
from orderstream.project.config import find_project
from orderstream.project.current import work_in
from orderstream.testing.event_source import Clock, SimulatedEventSource
from orderstream.testing.fakes import FakeDynamo, FakeStore

# As in template.yaml, except for the retries, which are unlimited there.
RULES = Rules(max_retries=3, bisect=True, reports_failures=True)
# 2027-01-01T00:00:00Z
START = 1_798_761_600.0
_INVOCATION_SECONDS = 60.0


def services_on(
    settings: Settings, dynamo: FakeDynamo, store: FakeStore, sleep: Callable[[float], None]
) -> Services:
    """The services of the function on fakes. Without jitter, the same faults give the same run."""
    table = OrderTable(dynamo, settings.table, sleep=sleep, jitter=lambda: 1.0)
    events = lifecycle(dynamo, table, settings)
    return Services(settings, make_archive(settings, store), table, events, QuarantineWriter(store))


@dataclass(frozen=True)
class _Context:
    """The context of an invocation."""

    clock: Clock
    deadline: float
    aws_request_id: str = "request"

    def get_remaining_time_in_millis(self) -> int:
        return int((self.deadline - self.clock.now) * 1000)


class Pipeline:
    """The real function on fakes of AWS, in one thread and in virtual time.

    `layout` and `currency` are the template's ArchiveLayout and DefaultCurrency, `rules` the settings of the
    event source mapping. The model of the orders is that of the project in the current folder. To have
    DynamoDB fail, set `dynamo.fault` or `dynamo.failing_calls`.
    """

    def __init__(self, layout: str = "batch", *, currency: str = "EUR", rules: Rules = RULES) -> None:
        work_in(find_project(Path.cwd(), os.environ))
        # A mistake in the model is an error of the test, and not the outcome of each record.
        order_model()
        self.clock = Clock(START)
        self.dynamo = FakeDynamo()
        self.store = FakeStore()
        self.source = SimulatedEventSource(rules, self.clock)
        # What the event source discarded, the metrics that invocations logged, and the errors they raised.
        self.discarded: list[Discarded] = []
        self.metrics: list[dict[str, Any]] = []
        self.errors: list[Exception] = []
        self.settings = Settings(
            "Orders", "archive", "orderstream", layout, currency, events_table="OrderEvents"
        )

    @property
    def services(self) -> Services:
        """What the function uses: the real stores on the fakes that are set now."""
        return services_on(self.settings, self.dynamo, self.store, self._sleep)

    def put(self, order: Mapping[str, Any] | str | bytes, partition_key: str = "key") -> str:
        """Put an order on the stream, a mapping as JSON and anything else as it is; return its event id."""
        data = order.encode() if isinstance(order, str) else order
        body = data if isinstance(data, bytes) else msgspec.json.encode(data)
        (shard,) = self.source.shards
        return f"{shard.id}:{self.source.put(shard, body, partition_key).sequence_number}"

    def deliver(self) -> None:
        """Deliver all records, with all retries. Raises AssertionError if they are never done."""
        most = 10 + 10 * sum(len(shard.log) for shard in self.source.shards)
        for _ in range(most):
            if self.source.is_done:
                return
            for shard, number in self.source.waiting():
                settled = self.source.step(shard, number, self._invoke)
                if settled and settled.discarded:
                    self.discarded.append(settled.discarded)
        last = self.errors[-1] if self.errors else None
        raise AssertionError(f"after {most} deliveries some records are not done") from last

    @property
    def orders(self) -> dict[str, dict[str, Any]]:
        """The items of the table by OrderID, numbers as Decimal."""
        return {order_id: plain_value({"M": item}) for order_id, item in self.dynamo.items.items()}

    @property
    def events(self) -> list[dict[str, Any]]:
        """The rows of the table OrderEvents, numbers as Decimal."""
        return [plain_value({"M": row}) for row in self.dynamo.events.values()]

    @property
    def archived(self) -> dict[str, bytes]:
        """The bytes of each archived record, as they were sent, by event id."""
        return {event_id: original_bytes(line) for event_id, line in self.lines(ORDERS).items()}

    @property
    def quarantined(self) -> dict[str, list[str]]:
        """The codes of the reasons for which each record is in quarantine, by event id."""
        found = self.lines(QUARANTINE)
        return {event_id: [reason["code"] for reason in line.reasons] for event_id, line in found.items()}

    def lines(self, prefix: str) -> dict[str, ArchiveLine]:
        """The lines of the objects under `prefix`, by event id."""
        return {
            line.event_id: line
            for key, body in self.store.objects.items()
            if key.startswith(prefix)
            for line in read_lines(key, BytesIO(body))
        }

    def _invoke(self, batch: Batch) -> Outcome:
        context = _Context(self.clock, self.clock.now + _INVOCATION_SECONDS)
        log = io.StringIO()
        try:
            with contextlib.redirect_stdout(log):
                event = json.loads(event_of(batch.records))
                answer = handle_with(self.services, event, context, cold=False, now=self._now)
        except Exception as error:
            # As on Lambda, where an invocation that raises has failed, whatever it raises.
            self.errors.append(error)
            return Failed()
        self.metrics += [json.loads(line, parse_float=Decimal) for line in log.getvalue().splitlines()]
        return read_answer(batch.records, json.dumps(answer).encode(), reports_failures=True)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now, UTC)

    def _sleep(self, seconds: float) -> None:
        self.clock.now += seconds
