"""Pipelines with one mistake each, of the kind that is easily made. The simulation must find every one."""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from orderstream.domain.decode import Decoded
from orderstream.errors import CloudError
from orderstream.pipeline.archive import Archived, BatchArchive, OrderArchive
from orderstream.pipeline.attributes import attribute_value
from orderstream.pipeline.quarantine import QuarantineWriter, RejectedRecord
from orderstream.pipeline.records import Record
from orderstream.pipeline.services import Services
from orderstream.pipeline.table import InsertOutcome, InsertResult, OrderTable
from orderstream.testing.fakes import FakeDynamo, FakeStore
from tests.simulation.pipelines import Pipeline, Sleep, real_handle, real_services

Seconds = Callable[[], float]
Items = Sequence[dict[str, Any]]


class PuttingTable(OrderTable):
    """Writes whatever was there, as BatchWriteItem does."""

    def insert(self, items: Items, seconds_left: Seconds) -> list[InsertOutcome]:
        for item in items:
            self._client.items[item["OrderID"]] = {
                name: attribute_value(value) for name, value in item.items()
            }
        return [InsertOutcome(InsertResult.STORED)] * len(items)


class TrustingTable(OrderTable):
    """Takes what is there for the same order, without a look at it."""

    def insert(self, items: Items, seconds_left: Seconds) -> list[InsertOutcome]:
        return [
            InsertOutcome(InsertResult.DUPLICATE, item)
            if outcome.result is InsertResult.CONFLICT
            else outcome
            for item, outcome in zip(items, super().insert(items, seconds_left), strict=True)
        ]


class RenamingTable(OrderTable):
    """Gives an order without an id a new one at each attempt, as uuid4 would."""

    _numbers = itertools.count()

    def insert(self, items: Items, seconds_left: Seconds) -> list[InsertOutcome]:
        renamed = [
            item | {"OrderID": f"new-{next(self._numbers)}"} if item["OrderID"] == item["EventID"] else item
            for item in items
        ]
        return super().insert(renamed, seconds_left)


class OtherStore(FakeStore):
    """Stands before a store."""

    def __init__(self, store: FakeStore) -> None:
        super().__init__()
        self._store = store


class LateStore(OtherStore):
    """Keeps what is put until `flush`."""

    def flush(self) -> None:
        for key, body in self.objects.items():
            self._store.put_new(key, body)
        self.objects.clear()


class TableFirst(OrderTable):
    """Has the archive written when the items are."""

    late: LateStore

    def insert(self, items: Items, seconds_left: Seconds) -> list[InsertOutcome]:
        outcomes = super().insert(items, seconds_left)
        self.late.flush()
        return outcomes


class ReplacingStore(OtherStore):
    """Takes a key that is taken."""

    def put_new(self, key: str, body: bytes) -> bool:
        self._store.objects.pop(key, None)
        return self._store.put_new(key, body)


class CarefreeQuarantine(QuarantineWriter):
    """Swallows errors."""

    def write(self, entries: Sequence[RejectedRecord], attempt: dict[str, str]) -> None:
        with contextlib.suppress(CloudError):
            super().write(entries, attempt)


class ReasonlessQuarantine(QuarantineWriter):
    """Keeps the bytes, and not what was wrong with them."""

    def write(self, entries: Sequence[RejectedRecord], attempt: dict[str, str]) -> None:
        super().write([msgspec.structs.replace(entry, reasons=()) for entry in entries], attempt)


class ArchiveByRange(BatchArchive):
    """Names an object by its first and last record, whichever others are in it."""

    def __init__(self, store: FakeStore) -> None:
        super().__init__(RenamingStore(store))

    def write(self, records: Sequence[Record], decoded: Sequence[Decoded]) -> dict[str, Archived]:
        places = super().write(records, decoded)
        return {event: Archived(without_digest(place.key)) for event, place in places.items()}


class RenamingStore(OtherStore):
    def put_new(self, key: str, body: bytes) -> bool:
        return self._store.put_new(without_digest(key), body)


def without_digest(key: str) -> str:
    return re.sub(r"-[0-9a-f]+\.ndjson", ".ndjson", key)


def with_parts(parts: Callable[[FakeDynamo, FakeStore, Sleep], dict[str, Any]]) -> Pipeline:
    """The real services, but for these parts."""

    def services(layout: str, dynamo: FakeDynamo, store: FakeStore, sleep: Sleep) -> Services:
        real = real_services(layout, dynamo, store, sleep)
        return msgspec.structs.replace(real, **parts(dynamo, store, sleep))

    return Pipeline(services)


def with_table(kind: type[OrderTable]) -> Pipeline:
    return with_parts(
        lambda dynamo, store, sleep: {"table": kind(dynamo, "Orders", sleep=sleep, jitter=lambda: 1.0)}
    )


def with_quarantine(kind: type[QuarantineWriter]) -> Pipeline:
    return with_parts(lambda dynamo, store, sleep: {"quarantine": kind(store)})


def with_archive(kind: Callable[[FakeStore], BatchArchive | OrderArchive]) -> Pipeline:
    return with_parts(lambda dynamo, store, sleep: {"archive": kind(store)})


def with_the_archive_last(dynamo: FakeDynamo, store: FakeStore, sleep: Sleep) -> dict[str, Any]:
    table = TableFirst(dynamo, "Orders", sleep=sleep)
    table.late = LateStore(store)
    return {"table": table, "archive": BatchArchive(table.late)}


def replaced_archive(store: FakeStore) -> OrderArchive:
    return OrderArchive(ReplacingStore(store))


def that_reports_nothing(use: Services, event: dict[str, Any], context: Any) -> dict[str, Any]:
    real_handle(use, event, context)
    return {"batchItemFailures": []}


def that_reports_the_last(use: Services, event: dict[str, Any], context: Any) -> dict[str, Any]:
    failures = real_handle(use, event, context)["batchItemFailures"]
    return {"batchItemFailures": failures[-1:]}


def that_forgets_what_is_behind_a_failed_slice(
    use: Services, event: dict[str, Any], context: Any
) -> dict[str, Any]:
    for begin in range(0, len(event["Records"]), 3):
        try:
            answer = real_handle(use, {"Records": event["Records"][begin : begin + 3]}, context)
        except CloudError:
            if begin == 0:
                raise
            break
        if answer["batchItemFailures"]:
            return answer
    return {"batchItemFailures": []}


def that_counts_a_conflict_twice(use: Services, event: dict[str, Any], context: Any) -> dict[str, Any]:
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        answer = real_handle(use, event, context)
    first, *others = log.getvalue().splitlines()
    counts = json.loads(first)
    print(json.dumps(counts | {"Invalid": counts["Invalid"] + counts["Conflicts"]}), *others, sep="\n")
    return answer


def that_logs_the_event(use: Services, event: dict[str, Any], context: Any) -> dict[str, Any]:
    print(base64.b64decode(event["Records"][0]["kinesis"]["data"]))
    return real_handle(use, event, context)


# Each with the layout in which it shows, and the guarantee that it breaks.
BROKEN: dict[str, tuple[str, Pipeline, str]] = {
    "the table is written over": ("batch", with_table(PuttingTable), "G[13]"),
    "what is there is taken for the same": ("batch", with_table(TrustingTable), "G1"),
    "an order gets a new id at each attempt": ("batch", with_table(RenamingTable), "G2"),
    "the archive is written last": ("batch", with_parts(with_the_archive_last), "G4"),
    "the archive is written over": ("order", with_archive(replaced_archive), "G[34]"),
    "errors of the quarantine are swallowed": ("batch", with_quarantine(CarefreeQuarantine), "G1"),
    "the quarantine gives no reasons": ("batch", with_quarantine(ReasonlessQuarantine), "G5"),
    "nothing is reported as failed": ("batch", Pipeline(handle=that_reports_nothing), "G1"),
    "only the last is reported as failed": ("batch", Pipeline(handle=that_reports_the_last), "G1"),
    "the slices behind one that failed are forgotten": (
        "batch",
        Pipeline(handle=that_forgets_what_is_behind_a_failed_slice),
        "G1",
    ),
    "a conflict is counted twice": ("batch", Pipeline(handle=that_counts_a_conflict_twice), "G1"),
    "the event is logged": ("batch", Pipeline(handle=that_logs_the_event), "G8"),
}
