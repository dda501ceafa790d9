"""Process records as the function does: with its code and settings, but the caller's credentials."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from orderstream.aws.deployment import Deployment
from orderstream.domain.decode import Decoded
from orderstream.domain.fields import timestamp
from orderstream.pipeline.archive import Archived
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes
from orderstream.pipeline.batch_result import BatchResult
from orderstream.pipeline.concurrency import ParallelMap
from orderstream.pipeline.process import ArchiveStore, Invocation, QuarantineStore, process
from orderstream.pipeline.quarantine import QuarantineWriter
from orderstream.pipeline.records import Record
from orderstream.pipeline.services import S3Store, lifecycle, make_archive
from orderstream.pipeline.settings import Settings, from_environment
from orderstream.pipeline.slices import slices
from orderstream.pipeline.table import OrderTable
from orderstream.recovery.refold import refold
from orderstream.sdk.errors import translate_errors
from orderstream.storage.orders import Item, originals

RECORDS_A_BATCH = 500
SECONDS_A_BATCH = 60.0


@dataclass
class ReprocessResult:
    """The outcomes of records: counts, and `problems` that explain why some failed.

    `updated` is the number of orders that were updated from events stored before, `announced` that of
    versions of orders that the change feed had not announced.
    """

    stored: int = 0
    events: int = 0
    duplicates: int = 0
    conflicts: int = 0
    invalid: int = 0
    failed: int = 0
    updated: int = 0
    announced: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def records(self) -> int:
        """The total of the counts of records."""
        return self.stored + self.events + self.duplicates + self.conflicts + self.invalid + self.failed


class AlreadyArchived:
    """Replaces the archive for records that are already in it; `keys` returns the object of each."""

    def __init__(self, deployment: Deployment, keys: Callable[[str], str]) -> None:
        self._deployment = deployment
        self._keys = keys

    def write(self, records: Sequence[Record], decoded: Sequence[Decoded]) -> dict[str, Archived]:
        """The location of each record, by event_id."""
        return {record.event_id: Archived(self._keys(record.event_id)) for record in records}

    def originals(self, items: Sequence[Item]) -> dict[str, bytes]:
        """The bytes that items were created from, by OrderID, even if they have been compacted."""
        return originals(self._deployment, items)


class Reprocessor:
    """Processes records as the function does. The quarantine records `who` as the request."""

    def __init__(
        self,
        deployment: Deployment,
        who: str,
        *,
        each: ParallelMap = map,
        quarantine: QuarantineStore | None = None,
    ) -> None:
        self._settings = settings_of(deployment)
        store = S3Store(deployment.cloud.s3, deployment.bucket)
        self._table = OrderTable(deployment.cloud.dynamodb, deployment.table, each=each)
        self._events = lifecycle(deployment.cloud.dynamodb, self._table, self._settings)
        self._quarantine = quarantine or QuarantineWriter(store)
        self._who = who
        self._now = deployment.cloud.now
        self.archive = make_archive(self._settings, store)
        self.done = ReprocessResult()

    def run(self, records: Iterable[Record], archive: ArchiveStore) -> None:
        """Process the records in batches of one shard each, and add their outcomes to `done`."""
        for batch in _batches(records):
            report = self._run(batch, archive)
            self.done.stored += report.stored
            self.done.events += report.events
            self.done.duplicates += report.duplicates
            self.done.conflicts += report.conflicts
            self.done.invalid += report.invalid
            self.done.failed += report.failed_records
            self.done.problems += report.problems

    def settle(self, deployment: Deployment, order_ids: Sequence[str]) -> None:
        """Apply the stored events of orders, and correct a state that differs from what they lead to."""
        seconds_left = _seconds_left()
        problems = self._events.settle(order_ids, seconds_left).failed
        problems |= refold(deployment, self._table, order_ids, seconds_left)
        self.done.updated += len(order_ids) - len(problems)
        self.done.problems += [f"order {order_id}: {why}" for order_id, why in problems.items()]

    def _run(self, batch: Sequence[Record], archive: ArchiveStore) -> BatchResult:
        return process(
            batch,
            archive=archive,
            table=self._table,
            events=self._events,
            quarantine=self._quarantine,
            currency=self._settings.currency,
            invocation=Invocation(
                request_id=self._who,
                seconds_left=_seconds_left(),
                now=self._now,
            ),
        )


def _seconds_left() -> Callable[[], float]:
    deadline = time.monotonic() + SECONDS_A_BATCH
    return lambda: deadline - time.monotonic()


def settings_of(deployment: Deployment) -> Settings:
    """The settings of the deployed function."""
    with translate_errors(f"cannot read the settings of {deployment.function}"):
        found = deployment.cloud.lambda_.get_function_configuration(FunctionName=deployment.live_function)
    return from_environment(found["Environment"]["Variables"])


def record_of(line: ArchiveLine) -> Record:
    """The record from which a line of the archive was written."""
    shard_id, sequence_number = line.event_id.split(":")[:2]
    return Record(
        event_id=line.event_id,
        shard_id=shard_id,
        sequence_number=sequence_number,
        partition_key=line.partition_key,
        arrived_at=timestamp(line.arrived_at),
        data=original_bytes(line),
    )


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """The records in lists of one shard each, no larger than the function's slices."""
    of_shard: dict[str, list[Record]] = {}
    for record in records:
        batch = of_shard.setdefault(record.shard_id, [])
        batch.append(record)
        if len(batch) == RECORDS_A_BATCH:
            yield from slices(of_shard.pop(record.shard_id))
    for batch in of_shard.values():
        yield from slices(batch)
