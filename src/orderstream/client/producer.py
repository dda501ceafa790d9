"""OrderProducer: sends orders to a Kinesis stream from a background thread, each with exactly one outcome."""

from __future__ import annotations

import atexit
import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Self

from orderstream.client.aggregation import Aggregator
from orderstream.client.delivery import DeliveryError, RecordMetadata
from orderstream.client.put_records import (
    MAX_RECORD_BYTES,
    PutError,
    StreamClient,
    one_line,
    record_error,
    record_size,
)
from orderstream.client.queue import RECORD_OVERHEAD_BYTES, KeyOrderedQueue
from orderstream.client.records import OrderRecord
from orderstream.client.serialization import AnyOrder, default_partition_key, encode_order, ensure_order_id
from orderstream.errors import InputError

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsResultEntryTypeDef


class OrderProducer:
    """Sends orders to the stream `stream_name`. Those of one partition key keep the order of `send`.

    Without a client, it creates one from the environment when the first record is sent. A client of yours
    should have the SDK's retries disabled: the producer itself retries failed records with growing pauses,
    until `give_up_after_seconds` after the first attempt. An order that is sent twice because a response was
    lost is still one order, because it keeps its order_id.

    `send` blocks while the buffer holds `max_buffered_bytes` (data, keys and Python's overhead for each).
    All methods are thread-safe. In a callback of a Future, which runs in the sender's thread, those that
    would block raise RuntimeError. Leaving the `with` block sends every accepted record, even after an
    exception or Ctrl-C (see `close`); a second Ctrl-C does not wait for that.

    With `aggregate_seconds`, records wait at most that long to be sent together as one, in the format of the
    Kinesis Producer Library, which makes small orders cheaper. They share one outcome. Partition keys keep
    their order, unless another producer sends the same keys without it.

    `clock` returns seconds; `sleep(condition, seconds)` waits at most that long for the condition to be
    notified; `random` returns a number from 0 to 1.
    """

    def __init__(
        self,
        stream_name: str,
        kinesis: KinesisClient | None = None,
        *,
        max_buffered_bytes: int = 64 * 1024 * 1024,
        give_up_after_seconds: float = 60,
        aggregate_seconds: float = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[threading.Condition, float], object] = threading.Condition.wait,
        random: Callable[[], float] = random.random,
    ) -> None:
        least = MAX_RECORD_BYTES + RECORD_OVERHEAD_BYTES
        if max_buffered_bytes < least:
            raise InputError(f"max_buffered_bytes is at least {least}: the largest record must fit")
        if not give_up_after_seconds >= 0:
            raise InputError("give_up_after_seconds is 0 or more")
        self._stream = StreamClient(stream_name, kinesis)
        self._give_up_after = give_up_after_seconds
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._queue = KeyOrderedQueue[OrderRecord](
            max_bytes=max_buffered_bytes, give_up_after=give_up_after_seconds
        )
        self._aggregator = Aggregator(aggregate_seconds)
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._progress = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._is_idle = False
        self._is_closed = False
        self._crash: BaseException | None = None
        self._down_since: float | None = None
        self._sent = 0
        self._failed = 0

    @property
    def sent(self) -> int:
        """How many records Kinesis has acknowledged."""
        return self._sent

    @property
    def failed(self) -> int:
        """How many records failed with a DeliveryError."""
        return self._failed

    def send(self, order: AnyOrder, *, partition_key: str | None = None) -> Future[RecordMetadata]:
        """Send an order, a mapping or a model, or an event, a mapping.

        Unless one is given, the partition key is the customer_id of an order, and the order_id of an event.
        An order without an order_id gets one here, so that no retry can create a second order, and an event
        gets an event_id (see `encode_order`). Both are validated when they are processed. Raises InputError
        for what cannot be sent and DeliveryError if the producer is closed.
        """
        data, order_id, key = encode_order(order)
        if partition_key is None:
            partition_key = default_partition_key(key)
        return self._accept(data, partition_key, order_id)

    def send_json(self, raw: bytes, *, partition_key: str | None = None) -> Future[RecordMetadata]:
        """Like `send`, for what is already JSON: sent unchanged except for a missing id."""
        data, order_id, key = ensure_order_id(raw)
        if partition_key is None:
            partition_key = default_partition_key(key)
        return self._accept(data, partition_key, order_id)

    def send_bytes(self, data: bytes, *, partition_key: str) -> Future[RecordMetadata]:
        """Send exactly these bytes. Raises InputError for a record or a key that Kinesis would reject."""
        return self._accept(data, partition_key, None)

    def flush(self) -> None:
        """Wait until every record accepted before this call has an outcome."""
        with self._lock:
            self._refuse_to_wait_in_callback()
            self._push_due(math.inf)
            self._work.notify()
            unsettled = deque(self._queue)
            while unsettled:
                if unsettled[0].is_done:
                    unsettled.popleft()
                else:
                    self._progress.wait()

    def close(self) -> None:
        """Accept no more records, wait until every record has an outcome, and stop. May be called again.

        If Kinesis is down, this takes at most `give_up_after_seconds` plus the duration of the last call.
        """
        with self._lock:
            self._refuse_to_wait_in_callback()
            self._is_closed = True
            self._work.notify()
            self._progress.notify_all()
        if self._thread is not None:
            atexit.unregister(self.close)
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self, data: bytes, partition_key: str, order_id: str | None) -> Future[RecordMetadata]:
        size = record_size(data, partition_key)
        record = OrderRecord(partition_key, size, self._clock(), data=data, order_id=order_id)
        with self._lock:
            self._refuse_when_stopped()
            while not self._queue.has_room(record.size + self._aggregator.bytes):
                self._refuse_to_wait_in_callback()
                self._progress.wait()
                self._refuse_when_stopped()
                record.accepted_at = self._clock()
            if self._thread is None:
                self._start()
            for ready in self._aggregator.add(record):
                self._queue.push(ready)
            if self._is_idle:
                self._is_idle = False
                self._work.notify()
        return record.future

    def _push_due(self, now: float) -> None:
        for ready in self._aggregator.close_due(now):
            self._queue.push(ready)

    def _refuse_when_stopped(self) -> None:
        if self._crash is not None:
            raise DeliveryError(_crashed(self._crash), attempts=0) from self._crash
        if self._is_closed:
            raise DeliveryError("the producer is closed", attempts=0)

    def _refuse_to_wait_in_callback(self) -> None:
        if threading.current_thread() is self._thread:
            raise RuntimeError("this would wait for the thread that runs it: not in a callback of a Future")

    def _start(self) -> None:
        # A daemon thread, so that an unclosed producer does not keep the interpreter running; it is closed at
        # exit, so that its records are not lost.
        thread = threading.Thread(target=self._run, name="order-producer", daemon=True)
        thread.start()
        self._thread = thread
        atexit.register(self.close)

    def _run(self) -> None:
        try:
            while self._send_batch():
                pass
        except BaseException as error:
            self._fail_everything(error)

    def _send_batch(self) -> bool:
        """Wait for a batch and send it; False if the producer is closed and nothing is left."""
        batch = self._next_batch()
        if not batch:
            return False
        started = self._clock()
        outcome = self._stream.put(
            [{"Data": record.data, "PartitionKey": record.partition_key} for record in batch]
        )
        if isinstance(outcome, PutError):
            self._call_failed(batch, outcome, started)
        else:
            self._call_answered(batch, outcome)
        return True

    def _next_batch(self) -> list[OrderRecord]:
        with self._lock:
            while True:
                now = self._clock()
                self._push_due(math.inf if self._is_closed else now)
                batch = self._queue.take(now)
                if batch or (self._is_closed and self._queue.is_empty):
                    return batch
                due = min(self._queue.next_retry() or math.inf, self._aggregator.next_due())
                self._is_idle = True
                if due == math.inf:
                    self._work.wait()
                else:
                    self._sleep(self._work, due - now)
                self._is_idle = False

    def _call_answered(self, batch: list[OrderRecord], results: list[PutRecordsResultEntryTypeDef]) -> None:
        self._down_since = None
        accepted: list[OrderRecord] = []
        refused: list[tuple[OrderRecord, PutError]] = []
        for record, result in zip(batch, results, strict=True):
            if "ErrorCode" in result:
                refused.append((record, record_error(result)))
                continue
            accepted.append(record)
            self._sent += record.orders
            record.acknowledge(result["ShardId"], result["SequenceNumber"])
        lost: list[tuple[OrderRecord, PutError]] = []
        with self._lock:
            now = self._clock()
            for record, problem in refused:
                lost += [(late, problem) for late in self._queue.failed(record, now, self._random())]
        self._settle(accepted, lost)

    def _call_failed(self, batch: list[OrderRecord], problem: PutError, started: float) -> None:
        if not problem.is_transient:
            self._settle([], [(record, problem) for record in batch])
            return
        if self._down_since is None:
            self._down_since = started
        with self._lock:
            now = self._clock()
            # One random number for the whole call, so that its records are retried together.
            draw = self._random()
            lost = [late for record in batch for late in self._queue.failed(record, now, draw)]
            if self._down_since + self._give_up_after <= now:
                lost += self._queue.overdue(now)
        self._settle([], [(record, problem) for record in lost])

    def _settle(self, accepted: Iterable[OrderRecord], lost: list[tuple[OrderRecord, PutError]]) -> None:
        for record, problem in lost:
            self._failed += record.orders
            record.fail(problem.reason, problem.hint)
        # Only after all outcomes are set: this is what `flush` waits for.
        with self._lock:
            for record in (*accepted, *(record for record, _ in lost)):
                self._queue.done(record)
                self._aggregator.release(record)
            self._progress.notify_all()

    def _fail_everything(self, error: BaseException) -> None:
        with self._lock:
            self._crash = error
            self._push_due(math.inf)
            unsettled = [record for record in self._queue if not record.has_outcome]
        for record in unsettled:
            self._failed += record.orders
            record.fail(_crashed(error), cause=error)
        with self._lock:
            self._queue.clear()
            self._progress.notify_all()


def _crashed(error: BaseException) -> str:
    return one_line(f"the sender stopped: {type(error).__name__}: {error}")
