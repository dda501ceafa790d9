"""The pipeline with a table that has a stream, and the totals of what the stream reports."""

from __future__ import annotations

import contextlib
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from orderstream.pipeline.attributes import plain_value
from orderstream.testing.fakes import Around, at_once
from orderstream.totals.contribution import Bucket, Sums, added, contribution
from orderstream.totals.counter import Counted, TotalsTable
from orderstream.totals.lambda_handler import TotalsServices, handle_with
from orderstream.totals.rows import META, bucket_of, generation_of
from tests.unit.feed.harness import Context
from tests.unit.feed.table_stream import StreamedDynamo
from tests.unit.pipeline.harness import Pipeline
from tests.unit.totals.fake_totals import FakeTotals

STREAM = "arn:aws:dynamodb:eu-west-1:111122223333:table/Orders/stream/2026-11-22T18:00:00.000"


class Counting(Pipeline):
    """Orders and events in, totals out."""

    def __init__(self, *, around: Around = at_once, checks: bool = True) -> None:
        super().__init__()
        self.dynamo: StreamedDynamo = StreamedDynamo()
        self.totals = FakeTotals(around=around, checks=checks)
        self.now = 1_800_000_000.0
        self.log = ""

    @property
    def changes(self) -> list[dict[str, Any]]:
        """The records of the table's stream."""
        return [{**one, "eventSourceARN": STREAM} for one in self.dynamo.records]

    def count(self, records: Sequence[dict[str, Any]], seconds: float = 60.0) -> list[str]:
        """Hand records of the table's stream to the function; return the numbers of those that failed."""
        use = TotalsServices("orderstream", self.table())
        end = self.now + seconds
        context = Context()
        context.get_remaining_time_in_millis = lambda: int((end - self.now) * 1000)  # type: ignore[method-assign]
        log = io.StringIO()
        try:
            with contextlib.redirect_stdout(log):
                answer = handle_with(use, {"Records": list(records)}, context)
        finally:
            self.log += log.getvalue()
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def rebuild(self) -> int:
        """Begin another generation, as a rebuild does; return it."""
        row = self.totals.rows.setdefault(("meta", "-"), dict(META))
        generation = int(row.get("Generation", {"N": "0"})["N"]) + 1
        row["Generation"] = {"N": str(generation)}
        return generation

    def count_scanned(self, generation: int, orders: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Count what a scan has read, as a rebuild does."""
        found = [Counted(order_id, "", contribution(_plain(item))) for order_id, item in orders]
        assert self.table().count(found, lambda: 60.0, generation) is None

    def table(self) -> TotalsTable:
        """The table as another process has it."""
        return TotalsTable(self.totals, "Totals", now=lambda: self.now, sleep=self._wait, jitter=lambda: 1.0)

    def counted(self, generation: int = 0) -> dict[Bucket, Sums]:
        """What the buckets of a generation have."""
        found = [row for row in self.totals.rows.values() if "Minute" in row and "OrderID" not in row]
        return dict(bucket_of(row) for row in found if generation_of(row) == generation)

    def wanted(self) -> dict[Bucket, Sums]:
        """What the items in the table add up to."""
        return sums_of(_plain(item) for item in self.dynamo.items.values())

    def _wait(self, seconds: float) -> None:
        self.now += seconds


def sums_of(items: Iterable[dict[str, Any]]) -> dict[Bucket, Sums]:
    """What items add up to."""
    found = (contribution(item) for item in items if "EventID" in item)
    return added((one.bucket, one.sums) for one in found if one)


def by(counted: dict[Bucket, Sums], name: str) -> dict[str, Sums]:
    """The sums by one part of the buckets."""
    found: defaultdict[str, Sums] = defaultdict(Sums)
    for bucket, sums in counted.items():
        found[getattr(bucket, name)] += sums
    return dict(found)


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = plain_value({"M": item})
    return found
