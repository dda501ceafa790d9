"""Replay targets: insert records into the table as the function does, or put them on the stream."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from orderstream.archive.replay import ArchivedRecord, ReplayResult
from orderstream.aws.deployment import Deployment
from orderstream.client.producer import OrderProducer
from orderstream.domain.decode import decode
from orderstream.domain.order_event import IDENTITY, OrderEvent
from orderstream.errors import InputError, OrderstreamError
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.pipeline.concurrency import MOST_THREADS
from orderstream.pipeline.quarantine import RejectedRecord
from orderstream.recovery.patch import patched
from orderstream.recovery.reprocess import AlreadyArchived, Reprocessor, record_of

MOST_PROBLEMS = 5
_NO_IDENTITY = "has no event_id, seq or occurred_at, and would count twice: --to table restores it"


class TableTarget:
    """Inserts orders and applies events as the function did: the same items, from the same objects."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._threads = ThreadPoolExecutor(MOST_THREADS)
        self._processing = Reprocessor(
            deployment, "orders archive replay", each=self._threads.map, quarantine=_NullQuarantine()
        )

    def take(self, records: Sequence[ArchivedRecord], done: ReplayResult) -> None:
        """Insert the valid orders and events."""
        keys = {record.line.event_id: record.key for record in records}
        there = AlreadyArchived(self._deployment, keys.__getitem__)
        self._processing.run((record_of(record.line) for record in records), there)
        so_far = self._processing.done
        done.stored, done.events, done.duplicates = so_far.stored, so_far.events, so_far.duplicates
        done.conflicts, done.invalid, done.failed = so_far.conflicts, so_far.invalid, so_far.failed
        done.problems = so_far.problems[:MOST_PROBLEMS]

    def close(self) -> None:
        """Shut the threads down."""
        self._threads.shutdown()


class _NullQuarantine:
    """Ignores what the function would quarantine: it did so when the record first arrived."""

    def write(self, entries: Sequence[RejectedRecord], attempt: dict[str, str]) -> None:
        """Do nothing."""


class StreamTarget:
    """Puts orders and events on the stream again under their original identity; the function does the rest.

    An event that has none (neither an event_id nor a number nor a time) would be another event there, and
    count twice. It fails.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._producer = OrderProducer(deployment.stream, deployment.cloud.kinesis_no_retry)

    def take(self, records: Sequence[ArchivedRecord], done: ReplayResult) -> None:
        """Send the valid orders and events, and wait for the outcome of each."""
        outcomes = []
        for record in records:
            line, data = record.line, original_bytes(record.line)
            if event := decode(data).event:
                order_id = event.sent.order_id
                if not _has_identity(event.sent):
                    done.failed += 1
                    _note(done, f"event {line.event_id} of order {order_id} {_NO_IDENTITY}")
                    continue
            else:
                try:
                    data, order_id = patched(data, line.order_id or line.event_id)
                except InputError:
                    done.invalid += 1
                    continue
            outcomes.append(self._producer.send_bytes(data, partition_key=line.partition_key or order_id))
        self._producer.flush()
        for outcome in outcomes:
            error = outcome.exception()
            done.sent += error is None
            done.failed += error is not None
            if error is not None:
                _note(done, error.message if isinstance(error, OrderstreamError) else str(error))

    def close(self) -> None:
        """Close the producer."""
        self._producer.close()


def _has_identity(event: OrderEvent) -> bool:
    """Whether the event is the same one when it is sent again."""
    return any(getattr(event, name) is not None for name in IDENTITY)


def _note(done: ReplayResult, problem: str) -> None:
    if len(done.problems) < MOST_PROBLEMS:
        done.problems.append(problem)
