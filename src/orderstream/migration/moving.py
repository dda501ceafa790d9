"""Send the orders that the new table lacks to the stream, and wait until each is stored or quarantined."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta

from orderstream.aws.clock import PRECISION
from orderstream.aws.deployment import Deployment
from orderstream.client import OrderProducer, RecordMetadata
from orderstream.domain.object_keys import QUARANTINE
from orderstream.errors import CloudError, InputError
from orderstream.migration.store import ROWS_A_PAGE, LegacyStore, StoredOrder
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.progress import Progress
from orderstream.storage import bucket, reader
from orderstream.storage.bucket import ALL_TIME, TimeRange
from orderstream.storage.orders import get_orders

# The function stores an order within seconds. One that waits longer than this is not being delivered.
PATIENCE_SECONDS = 180.0
_POLL_SECONDS = 0.5
# After so many polls without any progress, the quarantine may have what the table refused.
_POLLS_IN_VAIN = 10
_SLACK = timedelta(minutes=5)

Sleep = Callable[[float], object]
Clock = Callable[[], float]


class Mover:
    """Sends orders of the store in pages, so that few are on their way at a time.

    `patience` is how many seconds it waits without any progress.
    """

    def __init__(
        self,
        store: LegacyStore,
        deployment: Deployment,
        progress: Progress,
        *,
        patience: float = PATIENCE_SECONDS,
        sleep: Sleep = time.sleep,
        clock: Clock = time.monotonic,
    ) -> None:
        self._store = store
        self._deployment = deployment
        self._progress = progress
        self._patience = patience
        self._sleep = sleep
        self._clock = clock
        self._begun: datetime = deployment.cloud.now() - PRECISION - _SLACK
        self._waiting: dict[str, StoredOrder] = {}
        self._done = 0

    def run(self, expected: int) -> None:
        """Send everything that is absent, valid or not; `expected` is how many orders those are.

        Raises CloudError if no order can be sent, or the function does not process what was sent.
        """
        with OrderProducer(self._deployment.stream, self._deployment.cloud.kinesis_no_retry) as producer:
            for page in self._store.pages("absent"):
                self._send(producer, page)
                self._wait(most=ROWS_A_PAGE, expected=expected)
            self._wait(most=0, expected=expected)

    def _send(self, producer: OrderProducer, orders: Sequence[StoredOrder]) -> None:
        sent: list[tuple[StoredOrder, Future[RecordMetadata]]] = []
        failed: list[tuple[StoredOrder, BaseException]] = []
        for one in orders:
            data = self._store.data(one.order_id)
            try:
                sent.append((one, producer.send_bytes(data, partition_key=one.partition_key)))
            except InputError as refused:
                failed.append((one, refused))
        producer.flush()
        failed += [(one, error) for one, outcome in sent if (error := outcome.exception())]
        for one, reason in failed:
            if len(failed) == len(orders):
                raise CloudError(f"no order can be sent: {reason}", hint=getattr(reason, "hint", ""))
            self._store.settle(one.order_id, "failed", f"not sent: {reason}")
        lost = {one.order_id for one, _ in failed}
        self._waiting |= {one.order_id: one for one, _ in sent if one.order_id not in lost}

    def _wait(self, *, most: int, expected: int) -> None:
        """Wait until at most so many orders are on their way."""
        since = self._clock()
        in_vain = 0
        while len(self._waiting) > most:
            before = len(self._waiting)
            for order_id in get_orders(self._deployment, self._valid()):
                # The last comparison decides whether it is as it should be.
                self._store.settle(order_id, "moved")
                del self._waiting[order_id]
            if len(self._valid()) < len(self._waiting) or in_vain >= _POLLS_IN_VAIN:
                add_quarantined(self._store, self._deployment, TimeRange(since=self._begun))
                self._take_quarantined()
            self._done += before - len(self._waiting)
            self._progress("orders moved", self._done, expected)
            in_vain += 1
            if len(self._waiting) < before:
                since, in_vain = self._clock(), 0
            elif self._clock() - since > self._patience:
                raise CloudError(
                    f"{len(self._waiting):,} orders were sent, and the function of stack"
                    f" {self._deployment.name} has stored none of them for {self._patience:.0f} seconds",
                    hint="orders status shows why; after that, adopt again: it continues",
                )
            if len(self._waiting) > most:
                self._sleep(_POLL_SECONDS)

    def _valid(self) -> list[str]:
        return [one.order_id for one in self._waiting.values() if one.is_valid]

    def _take_quarantined(self) -> None:
        for one in list(self._waiting.values()):
            if self._store.is_quarantined(one.digest):
                self._store.refuse(one.order_id, one.digest)
                del self._waiting[one.order_id]


def add_quarantined(store: LegacyStore, deployment: Deployment, span: TimeRange = ALL_TIME) -> None:
    """Add what arrived in the quarantine in `span`, of the objects that were not added before."""
    entries = (
        entry
        for entry in bucket.list_by_hour(deployment, QUARANTINE, span)
        if store.is_new_object(entry.key, entry.etag)
    )
    for one in reader.readable_lines(deployment, entries):
        store.add_quarantined(original_bytes(one.line), one.line.reasons)
