"""Repair: records that are nowhere but in the archive or the stream go through the same processing again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter

from orderstream.domain.decode import Decoded
from orderstream.domain.values import instant, utc_text
from orderstream.ops import bucket, stream
from orderstream.ops.books import Books
from orderstream.ops.bucket import Span
from orderstream.ops.cloud import Cloud, cloud_errors
from orderstream.ops.stack import Stack
from orderstream.pipeline.archive import Archived
from orderstream.pipeline.lines import Line, raw_of
from orderstream.pipeline.process import Archive, Invocation, Report, process
from orderstream.pipeline.quarantine import Quarantine
from orderstream.pipeline.records import Record
from orderstream.pipeline.services import S3Store, archive_of
from orderstream.pipeline.settings import from_environment
from orderstream.pipeline.table import OrderTable
from orderstream.pipeline.unpack import unpack

RECORDS_A_BATCH = 500
SECONDS_A_BATCH = 60.0


@dataclass
class Repaired:
    """What was done about records that were missing; `problems` says why others still are."""

    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0
    undone: int = 0
    problems: list[str] = field(default_factory=list)


class _There:
    """Stands for the archive where the records already lie in it."""

    def __init__(self, key: str) -> None:
        self._key = key

    def keep(self, records: Sequence[Record], decoded: Sequence[Decoded]) -> dict[str, Archived]:
        return {record.event_id: Archived(self._key) for record in records}


class Processing:
    """What the function does, done here, with the function's settings and the caller's credentials."""

    def __init__(self, cloud: Cloud, stack: Stack) -> None:
        with cloud_errors(f"cannot read the settings of {stack.function}"):
            found = cloud.lambda_.get_function_configuration(FunctionName=stack.function)
        self._settings = from_environment(found["Environment"]["Variables"])
        store = S3Store(cloud.s3, stack.bucket)
        self._table = OrderTable(cloud.dynamodb, stack.table)
        self._quarantine = Quarantine(store)
        self.archive = archive_of(self._settings, store)
        self.done = Repaired()

    def run(self, records: Iterable[Record], archive: Archive) -> None:
        """Process the records, in batches of one shard each, and add what became of them to `done`."""
        for batch in _batches(records):
            report = self._run(batch, archive)
            self.done.stored += report.stored
            self.done.duplicates += report.duplicates
            self.done.quarantined += report.invalid + report.conflicts
            self.done.undone += len(report.undone)
            self.done.problems += report.problems

    def _run(self, batch: Sequence[Record], archive: Archive) -> Report:
        deadline = time.monotonic() + SECONDS_A_BATCH
        return process(
            batch,
            archive=archive,
            table=self._table,
            quarantine=self._quarantine,
            currency=self._settings.currency,
            invocation=Invocation(
                request_id="orders verify --repair",
                seconds_left=lambda: deadline - time.monotonic(),
                now=lambda: datetime.now(UTC),
            ),
        )


def repair(
    books: Books,
    cloud: Cloud,
    stack: Stack,
    span: Span,
    *,
    settled: datetime,
    progress: Callable[[str, int], None],
) -> Repaired:
    """Bring what is missing, of what arrived before `settled`, to the table or the quarantine.

    Nothing is overwritten: it is what the function does, from the bytes in the archive or, for what
    never came there, in the stream.
    """
    processing = Processing(cloud, stack)
    missing = (record for record in books.open() if record.arrived_at < utc_text(settled))
    unarchived: set[str] = set()
    for key, group in groupby(missing, attrgetter("key")):
        wanted = {record.event_id for record in group}
        if key is None:
            unarchived |= wanted
            continue
        body = bucket.fetch(cloud, stack, key) or b""
        # Damage was noted when the books were filled, and what comes before it can be mended.
        lines = bucket.undamaged_lines(stack, key, body, lambda key, what: None)
        processing.run((record_of(line) for line in lines if line.event_id in wanted), _There(key))
        progress("missing records mended", processing.done.stored + processing.done.quarantined)
    if unarchived:
        records = (inner for record in stream.records(cloud, stack, span) for inner in unpack(record))
        processing.run((record for record in records if record.event_id in unarchived), processing.archive)
    return processing.done


def record_of(line: Line) -> Record:
    """The record that a line of the archive was made of."""
    shard_id, sequence_number = line.event_id.split(":")[:2]
    return Record(
        event_id=line.event_id,
        shard_id=shard_id,
        sequence_number=sequence_number,
        partition_key=line.partition_key,
        arrived_at=instant(line.arrived_at),
        data=raw_of(line),
    )


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """The records in lists of one shard each."""
    of_shard: dict[str, list[Record]] = {}
    for record in records:
        batch = of_shard.setdefault(record.shard_id, [])
        batch.append(record)
        if len(batch) == RECORDS_A_BATCH:
            yield of_shard.pop(record.shard_id)
    yield from of_shard.values()
