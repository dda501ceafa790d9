"""Replay targets: insert events into the table as items, or put them on the stream as records."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from orderstream.archive.replay import Event, ReplayResult
from orderstream.aws.deployment import Deployment
from orderstream.client import OrderProducer
from orderstream.errors import InputError, OrderstreamError
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.pipeline.concurrency import MOST_THREADS
from orderstream.pipeline.quarantine import RejectedRecord
from orderstream.recovery.patch import patched
from orderstream.recovery.reprocess import AlreadyArchived, Reprocessor, record_of

MOST_PROBLEMS = 5


class TableTarget:
    """Inserts the items as the function did: the same item, from the same object, unless one exists."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._threads = ThreadPoolExecutor(MOST_THREADS)
        self._processing = Reprocessor(
            deployment, "orders archive replay", each=self._threads.map, quarantine=_NullQuarantine()
        )

    def take(self, events: Sequence[Event], done: ReplayResult) -> None:
        """Insert the valid orders."""
        keys = {event.line.event_id: event.key for event in events}
        there = AlreadyArchived(self._deployment, keys.__getitem__)
        self._processing.run((record_of(event.line) for event in events), there)
        so_far = self._processing.done
        done.stored, done.duplicates = so_far.stored, so_far.duplicates
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
    """Puts orders on the stream again under their original identity; the function does the rest."""

    def __init__(self, deployment: Deployment) -> None:
        self._producer = OrderProducer(deployment.stream, deployment.cloud.kinesis_no_retry)

    def take(self, events: Sequence[Event], done: ReplayResult) -> None:
        """Send the valid orders, and wait for the outcome of each."""
        outcomes = []
        for event in events:
            line = event.line
            try:
                data, order_id = patched(original_bytes(line), line.order_id or line.event_id)
            except InputError:
                done.invalid += 1
                continue
            outcomes.append(self._producer.send_bytes(data, partition_key=line.partition_key or order_id))
        self._producer.flush()
        for outcome in outcomes:
            error = outcome.exception()
            done.sent += error is None
            done.failed += error is not None
            if error is not None and len(done.problems) < MOST_PROBLEMS:
                done.problems.append(error.message if isinstance(error, OrderstreamError) else str(error))

    def close(self) -> None:
        """Close the producer."""
        self._producer.close()
