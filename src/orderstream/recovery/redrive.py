"""Redrive: send discarded batches through the function again, until every record is accounted for."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from orderstream.aws.deployment import Deployment
from orderstream.aws.kinesis_event import EventOrigin, entry_of
from orderstream.domain.fields import utc_text
from orderstream.domain.fold import applied_hashes, is_placeholder
from orderstream.domain.object_keys import QUARANTINE, shard_range
from orderstream.domain.order_event import position_hash
from orderstream.errors import CloudError, DamagedError
from orderstream.pipeline.archive_codec import ArchiveLine
from orderstream.pipeline.records import Record
from orderstream.pipeline.table import OF_STATE, OrderTable
from orderstream.recovery.dead_letters import FailedBatch, event_records, mark_redriven, records_in, release
from orderstream.recovery.reconciliation_store import ReconciliationStore
from orderstream.recovery.verify import settle_contested
from orderstream.sdk.errors import error_code, is_transient, translate_errors
from orderstream.sdk.retries import backoff
from orderstream.storage import bucket, reader
from orderstream.storage.bucket import TimeRange
from orderstream.storage.order_events import Row, read_events_of
from orderstream.storage.orders import Item
from orderstream.storage.stream import shard_records

ATTEMPTS = 5
BACKOFF_SECONDS = 1.0
SECONDS_FOR_READING = 60.0


@dataclass
class RedriveResult:
    """The result for one failure: how many records it had, their outcomes now, and remaining problems."""

    place: str
    records: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    done: bool = False
    problems: list[str] = field(default_factory=list)


def redrive(
    deployment: Deployment,
    failures: Iterable[FailedBatch],
    *,
    dry_run: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[RedriveResult]:
    """Send each failure that is not redriven through the function; with `dry_run`, only report its state.

    A batch that makes the function fail is split in halves until the failing record is alone, so one bad
    record blocks no others. Repeating it is harmless. CloudErrors propagate and leave the current failure
    unchanged.
    """
    function = _FunctionInvoker(deployment, sleep)
    # Released only at the end: a message would be received again immediately, and repeatedly.
    left: list[FailedBatch] = []
    try:
        for failure in failures:
            if not failure.done:
                left.append(failure)
                outcome = _redrive_one(deployment, function, failure, dry_run=dry_run)
                if outcome.done:
                    left.pop()
                yield outcome
    finally:
        for failure in left:
            release(deployment.cloud, failure)


def _redrive_one(
    deployment: Deployment, function: _FunctionInvoker, failure: FailedBatch, *, dry_run: bool
) -> RedriveResult:
    outcome = RedriveResult(failure.place)
    try:
        entries = _entries(deployment, failure)
        records = records_in(failure, entries)
    except DamagedError as error:
        outcome.problems.append(error.message)
        return outcome
    gone = failure.records - len(entries)
    if gone > 0:
        outcome.problems.append(f"{gone} of its records are gone from the stream; the archive may have them")
    if entries and not dry_run:
        outcome.problems += function.invoke_until_done(entries)
    outcome.records = len(records)
    outcome.outcomes = _account(deployment, records)
    if dry_run or gone > 0 or outcome.outcomes.get("open"):
        return outcome
    account = {"at": utc_text(deployment.cloud.now()), "records": len(records), "outcomes": outcome.outcomes}
    mark_redriven(deployment, failure, account)
    outcome.done = True
    return outcome


def _entries(deployment: Deployment, failure: FailedBatch) -> list[dict[str, Any]]:
    """The `Records` of the event; for a message, those that the stream still has."""
    if failure.payload is not None or not failure.shard_id:
        return event_records(failure)
    origin = EventOrigin(failure.stream_arn, failure.shard_id, "")
    return [
        msgspec.json.decode(entry_of(origin, record))
        for record in shard_records(deployment, failure.shard_id, failure.first, failure.last)
    ]


class _FunctionInvoker:
    """Invokes the deployed function with `Records` of an event until it can process no more of them."""

    def __init__(self, deployment: Deployment, sleep: Callable[[float], None]) -> None:
        self._deployment = deployment
        self._sleep = sleep

    def invoke_until_done(self, entries: list[dict[str, Any]]) -> list[str]:
        """Process the records. Return those that failed, each with the reason."""
        error = ""
        for attempt in range(ATTEMPTS):
            self._pause(attempt)
            answer, error = self._invoke(entries)
            if error and len(entries) > 1:
                middle = len(entries) // 2
                return self.invoke_until_done(entries[:middle]) + self.invoke_until_done(entries[middle:])
            if not error:
                failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
                entries = [one for one in entries if one["kinesis"]["sequenceNumber"] in failed]
                if not entries:
                    return []
                error = "is reported as not done; the function's log says why"
        return [f"{one['eventID']}: {error}" for one in entries]

    def _invoke(self, entries: list[dict[str, Any]]) -> tuple[dict[str, Any], str]:
        """The function's response, or its error."""
        name = self._deployment.live_function
        payload = msgspec.json.encode({"Records": entries})
        for attempt in range(ATTEMPTS):
            self._pause(attempt)
            with translate_errors(f"cannot invoke {name}"):
                try:
                    response = self._deployment.cloud.lambda_.invoke(FunctionName=name, Payload=payload)
                    answer = msgspec.json.decode(response["Payload"].read() or b"null")
                    break
                except ClientError as error:
                    if error_code(error) == "RequestTooLargeException":
                        return {}, error_code(error)
                    if not is_transient(error) or attempt + 1 == ATTEMPTS:
                        raise
        if response.get("FunctionError"):
            return {}, f"{answer.get('errorType', 'error')}: {answer.get('errorMessage', 'it ended')}"
        if not isinstance(answer, dict) or not isinstance(answer.get("batchItemFailures"), list):
            raise CloudError(f"{name} answers as no function of Orderstream does")
        return answer, ""

    def _pause(self, attempt: int) -> None:
        if attempt:
            self._sleep(backoff(attempt, random.random(), BACKOFF_SECONDS))


def _account(deployment: Deployment, records: list[Record]) -> dict[str, int]:
    """The current outcomes of the records, read from the stores rather than from the function's response."""
    if not records:
        return {}
    arrivals = [record.arrived_at for record in records]
    span = TimeRange(min(arrivals), max(arrivals) + timedelta(microseconds=1))
    events = {record.event_id for record in records}
    table = OrderTable(deployment.cloud.dynamodb, deployment.table)
    with ReconciliationStore() as store:
        store.add_streamed(records)
        items = table.read(store.order_ids(), lambda: SECONDS_FOR_READING, OF_STATE)
        store.add_items(items.values())
        store.events.add(_done_events(deployment, store.order_ids(only_of_events=True), items))
        found = _quarantined(deployment, records[0].shard_id, span)
        store.add_quarantined(line for line in found if line.event_id in events)
        settle_contested(store, deployment)
        return store.outcomes()


def _done_events(deployment: Deployment, order_ids: Iterable[str], items: dict[str, Item]) -> Iterator[Row]:
    """The stored events of these orders that are applied, or wait for their order."""
    for order_id, rows in read_events_of(deployment, order_ids):
        item = items.get(order_id, {})
        applied = applied_hashes(item)
        for row in rows:
            if is_placeholder(item) or position_hash(row["Position"]) in applied:
                yield row


def _quarantined(deployment: Deployment, shard_id: str, span: TimeRange) -> Iterator[ArchiveLine]:
    entries = (
        entry
        for entry in bucket.list_by_hour(deployment, QUARANTINE, span)
        if shard_range(entry.key)[0] == shard_id
    )
    for one in reader.lines(deployment, entries, span):
        yield one.line
