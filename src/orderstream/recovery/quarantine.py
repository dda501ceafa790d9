"""The quarantine for operators: list it, show one record, and put records back on the stream."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, islice
from typing import Any

import msgspec

from orderstream.aws.deployment import Deployment
from orderstream.client.delivery import RecordMetadata
from orderstream.client.producer import OrderProducer
from orderstream.domain.decode import decode
from orderstream.domain.fields import timestamp, utc_text
from orderstream.domain.fold import is_placeholder
from orderstream.domain.ids import event_id as id_of_event
from orderstream.domain.object_keys import QUARANTINE, hour_of_key, shard_range
from orderstream.errors import InputError, NotFoundError, OrderstreamError
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes, read_line
from orderstream.pipeline.table import OrderTable
from orderstream.recovery.patch import FieldPatch, patched
from orderstream.recovery.resubmissions import ResubmissionNote, resubmissions_in_hour, write_notes
from orderstream.storage import bucket, reader
from orderstream.storage.bucket import ALL_TIME, ObjectSummary, TimeRange
from orderstream.storage.orders import is_order
from orderstream.storage.parquet import LocatedLine

RECORDS_AT_A_TIME = 500
SECONDS_FOR_READING = 60.0


@dataclass(frozen=True)
class QuarantinedRecord:
    """A record in quarantine: its line, the object with that line, and its resubmission notes."""

    line: ArchiveLine
    key: str
    number: int
    notes: tuple[ResubmissionNote, ...] = ()

    @property
    def identity(self) -> str:
        """The order_id that it has or, as a valid order, would have received."""
        return self.line.order_id or self.line.event_id


@dataclass(frozen=True)
class Resubmission:
    """The outcome of putting a record back: `sent` or, if not, the problem and what to do.

    `event` is what happened, if the record is an event of the order `order_id`.
    """

    event_id: str
    order_id: str
    sent: bool
    problem: str = ""
    hint: str = ""
    new_event_id: str = ""
    event: str = ""
    data: bytes = b""


def reasons_text(line: ArchiveLine) -> str:
    """All reasons of a line of the quarantine, in one line."""
    return "; ".join(f"{reason['path']} {reason['message']}" for reason in line.reasons)


def list_quarantined(
    deployment: Deployment, span: TimeRange = ALL_TIME, *, reason: str | None = None
) -> Iterator[QuarantinedRecord]:
    """The records in quarantine that arrived in `span`, each once, in order of arrival.

    With `reason`, only those that have this reason code.
    """
    for _, entries in groupby(bucket.list_by_hour(deployment, QUARANTINE, span), _hour):
        notes: dict[str, list[ResubmissionNote]] | None = None
        # A record is in the same hour at every delivery, so deduplicate within the hour only.
        for key, number, line in _by_arrival(reader.lines(deployment, entries, span)):
            if reason is None or any(one["code"] == reason for one in line.reasons):
                if notes is None:
                    notes = resubmissions_in_hour(deployment, timestamp(line.arrived_at))
                yield QuarantinedRecord(line, key, number, tuple(notes.get(line.event_id, ())))


def find(deployment: Deployment, event_id: str) -> QuarantinedRecord:
    """The record with this event_id. Raises NotFoundError if it is not in quarantine."""
    entries = (
        entry for entry in bucket.list_by_hour(deployment, QUARANTINE) if _may_hold(entry.key, event_id)
    )
    for one in reader.lines(deployment, entries):
        if one.line.event_id == event_id:
            notes = resubmissions_in_hour(deployment, timestamp(one.line.arrived_at))
            return QuarantinedRecord(one.line, one.key, one.number, tuple(notes.get(event_id, ())))
    raise NotFoundError(
        f"there is no record {event_id} in quarantine", hint="orders quarantine list shows what is there"
    )


def resubmit(
    deployment: Deployment,
    entries: Iterable[QuarantinedRecord],
    *,
    settings: Sequence[FieldPatch] = (),
    edited: bytes | None = None,
    dry_run: bool = False,
) -> Iterator[Resubmission]:
    """Put records back on the stream, patched with `settings` or replaced by `edited`.

    Each keeps its identity, so repeating it is harmless: the second is a duplicate. A record that would be
    quarantined again is not sent, and its resubmission says why.
    """
    rest = iter(entries)
    with OrderProducer(deployment.stream, deployment.cloud.kinesis_no_retry) as producer:
        while some := list(islice(rest, RECORDS_AT_A_TIME)):
            plans = _plans(deployment, some, settings, edited)
            if dry_run:
                yield from plans
                continue
            sent = [
                (entry, plan, producer.send_bytes(plan.data, partition_key=_key(entry.line, plan)))
                if plan.sent
                else (entry, plan, None)
                for entry, plan in zip(some, plans, strict=True)
            ]
            producer.flush()
            done = [_with_outcome(plan, outcome) for _, plan, outcome in sent]
            write_notes(deployment, _notes(some, done, utc_text(deployment.cloud.now())))
            yield from done


def _plans(
    deployment: Deployment,
    entries: Sequence[QuarantinedRecord],
    settings: Sequence[FieldPatch],
    edited: bytes | None,
) -> list[Resubmission]:
    """The resubmission planned for each record."""
    plans = [_plan(entry, settings, edited) for entry in entries]
    # The producer may have sent the order again by itself, or it was a conflict from the beginning.
    table = OrderTable(deployment.cloud.dynamodb, deployment.table)
    there = table.read(list({plan.order_id for plan in plans if plan.sent}), lambda: SECONDS_FOR_READING)
    return [_unless_taken(deployment, plan, there.get(plan.order_id)) for plan in plans]


def _plan(entry: QuarantinedRecord, settings: Sequence[FieldPatch], edited: bytes | None) -> Resubmission:
    event_id = entry.line.event_id
    try:
        data, order_id = patched(
            original_bytes(entry.line) if edited is None else edited,
            entry.identity,
            settings,
            arrived_at=entry.line.arrived_at,
        )
    except InputError as error:
        return Resubmission(event_id, entry.identity, False, error.message, error.hint)
    event = decode(data).event
    return Resubmission(event_id, order_id, True, event=event.sent.event if event else "", data=data)


def _unless_taken(deployment: Deployment, plan: Resubmission, item: dict[str, Any] | None) -> Resubmission:
    if (
        not plan.sent
        or plan.event
        or item is None
        or is_placeholder(item)
        or is_order(deployment, item, plan.data)
    ):
        return plan
    problem = f"order {plan.order_id} is there with other content"
    return replace(plan, sent=False, problem=problem, hint="to keep both: --set order_id=…")


def _key(line: ArchiveLine, plan: Resubmission) -> str:
    # Kinesis requires a key unless the stream distributes records itself, and accepts one in either case.
    return line.partition_key or plan.order_id


def _with_outcome(plan: Resubmission, outcome: Future[RecordMetadata] | None) -> Resubmission:
    if outcome is None:
        return plan
    error = outcome.exception()
    if error is not None:
        problem = error.message if isinstance(error, OrderstreamError) else str(error)
        return replace(plan, sent=False, problem=problem)
    receipt = outcome.result()
    return replace(plan, new_event_id=id_of_event(receipt.shard_id, receipt.sequence_number))


def _notes(
    entries: Sequence[QuarantinedRecord], done: Sequence[Resubmission], now: str
) -> Iterator[tuple[datetime, ResubmissionNote]]:
    for entry, one in zip(entries, done, strict=True):
        if one.sent:
            arrived_at = timestamp(entry.line.arrived_at)
            yield arrived_at, ResubmissionNote(one.event_id, one.order_id, now, one.new_event_id)


def _by_arrival(lines: Iterable[LocatedLine]) -> Iterator[tuple[str, int, ArchiveLine]]:
    """Lines of an hour in order of arrival, each event once, with the objects they are in."""
    # A database without a name is temporary, and spills to disk when it is large.
    with closing(sqlite3.connect("")) as database:
        database.execute("CREATE TABLE line (event_id UNIQUE, arrived_at, key, number, line)")
        database.executemany(
            "INSERT OR IGNORE INTO line VALUES (?, ?, ?, ?, ?)",
            (
                (one.line.event_id, one.line.arrived_at, one.key, one.number, msgspec.json.encode(one.line))
                for one in lines
            ),
        )
        found = database.execute("SELECT key, number, line FROM line ORDER BY arrived_at, rowid")
        for key, number, line in found:
            yield key, number, read_line(line)


def _hour(entry: ObjectSummary) -> datetime:
    return hour_of_key(entry.key)


def _may_hold(key: str, event_id: str) -> bool:
    """Whether the object of a batch can hold the event SHARD:NUMBER or SHARD:NUMBER:N."""
    shard_id, first, last = shard_range(key)
    shard, number, *_ = (*event_id.split(":"), "")
    return shard == shard_id and number.isdecimal() and int(first) <= int(number) <= int(last)
