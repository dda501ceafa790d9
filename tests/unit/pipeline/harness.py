"""The function's work on fakes of its stores, one batch at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from orderstream import testing
from orderstream.pipeline.batch_result import BatchResult
from orderstream.pipeline.process import Invocation, process
from orderstream.pipeline.records import Record

ARRIVAL = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
NOW = ARRIVAL + timedelta(seconds=2)


def record(number: int, data: bytes | str, arrived_at: datetime = ARRIVAL) -> Record:
    body = data if isinstance(data, bytes) else data.encode()
    return Record(f"shard-1:{number}", "shard-1", str(number), "key", arrived_at, body)


class Pipeline(testing.Pipeline):
    """The pipeline for batches of records, without an event source."""

    seconds_left = 50.0

    def run(self, *records: Record) -> BatchResult:
        use = self.services
        return process(
            records,
            archive=use.archive,
            table=use.table,
            events=use.events,
            quarantine=use.quarantine,
            currency=use.settings.currency,
            invocation=Invocation("request-1", lambda: self.seconds_left, lambda: NOW),
        )

    def _sleep(self, seconds: float) -> None:
        self.seconds_left -= seconds

    def attribute(self, order_id: str, name: str) -> Any:
        ((_, value),) = self.dynamo.items[order_id][name].items()
        return value
