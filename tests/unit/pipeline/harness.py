"""The function's work on fakes of its stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

from orderstream.domain.object_keys import QUARANTINE
from orderstream.pipeline.archive import BatchArchive, OrderArchive
from orderstream.pipeline.archive_codec import ArchiveLine, read_lines
from orderstream.pipeline.process import BatchResult, Invocation, process
from orderstream.pipeline.quarantine import QuarantineWriter
from orderstream.pipeline.records import Record
from orderstream.pipeline.table import OrderTable
from tests.fakes import FakeDynamo, FakeStore

ARRIVAL = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
NOW = ARRIVAL + timedelta(seconds=2)


def record(number: int, data: bytes | str, arrived_at: datetime = ARRIVAL) -> Record:
    body = data if isinstance(data, bytes) else data.encode()
    return Record(f"shard-1:{number}", "shard-1", str(number), "key", arrived_at, body)


class Pipeline:
    """The real pipeline on fakes of DynamoDB and S3."""

    def __init__(self, layout: str = "batch") -> None:
        self.dynamo = FakeDynamo()
        self.store = FakeStore()
        self.layout = layout
        self.seconds_left = 50.0

    def run(self, *records: Record) -> BatchResult:
        archive = OrderArchive(self.store) if self.layout == "order" else BatchArchive(self.store)
        return process(
            records,
            archive=archive,
            table=OrderTable(self.dynamo, "Orders", sleep=self.sleep),
            quarantine=QuarantineWriter(self.store),
            currency="EUR",
            invocation=Invocation("request-1", lambda: self.seconds_left, lambda: NOW),
        )

    def sleep(self, seconds: float) -> None:
        self.seconds_left -= seconds

    def lines(self, prefix: str) -> dict[str, ArchiveLine]:
        return {
            line.event_id: line
            for key, body in self.store.objects.items()
            if key.startswith(prefix)
            for line in read_lines(key, BytesIO(body))
        }

    def codes(self) -> dict[str, list[str]]:
        return {
            event: [reason["code"] for reason in line.reasons]
            for event, line in self.lines(QUARANTINE).items()
        }

    def attribute(self, order_id: str, name: str) -> Any:
        ((_, value),) = self.dynamo.items[order_id][name].items()
        return value
