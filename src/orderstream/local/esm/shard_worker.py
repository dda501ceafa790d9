"""The threads of one shard: one reads it, and one per lane delivers."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from orderstream.aws.clients import AwsClients
from orderstream.aws.kinesis_event import EventOrigin, EventRecord
from orderstream.local.esm.destination import Destination
from orderstream.local.esm.failures import DiscardedInvocation, MappingSource
from orderstream.local.esm.invoker import invoke
from orderstream.local.esm.lanes import (
    Batch,
    Lane,
    append,
    apply_outcome,
    checkpoint,
    delay,
    expire,
    form_batch,
    free_capacity,
    lane_for,
    replace_head,
    unprocessed_of,
    window_end,
)
from orderstream.local.esm.mapping import Mapping
from orderstream.local.esm.measures import Measures
from orderstream.local.esm.shard_reader import MOST_A_CALL, RecordsPage, ShardReader
from orderstream.local.esm.shards import Position, Shard
from orderstream.local.esm.subscription import Subscription
from orderstream.sdk.errors import is_throttle, is_transient

# Each call leaves an iterator in MiniStack for five minutes, and each Kinesis request scans all of them: 10
# calls a second leave 3,000, and a request takes about 9 ms. So all shards share that rate.
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What all shards of an event source share. `on_problem` and `fail` may be called from any thread.

    From `records_expire_from` on, in seconds since the epoch, the stream may drop its oldest records.
    """

    cloud: AwsClients
    mapping: Mapping
    records_expire_from: float
    measures: Measures
    destination: Destination
    stop: threading.Event
    on_problem: Callable[[str], None]
    on_drained: Callable[[], None]
    fail: Callable[[BaseException], None]
    shards_read: Callable[[], int]


class ShardRecordReader(Protocol):
    """A position in a shard: polled (`ShardReader`) or pushed to (`Subscription`)."""

    def read(self, limit: int, now: float, *, expiring: bool) -> RecordsPage:
        """Return up to `limit` further records."""

    def pause(self, page: RecordsPage, limit: int, before: float, floor: float) -> float:
        """Seconds until the next call."""

    def renew(self) -> None:
        """Continue after the shard was recreated under its id."""

    def close(self) -> None:
        """Stop reading."""


class ShardWorker:
    """Reads `shard` from `start` on and delivers its records, until it is drained or told to stop."""

    def __init__(self, shard: Shard, start: Position, around: WorkerContext) -> None:
        self.shard = shard
        self._start = start
        self._around = around
        self._rules = around.mapping.rules
        mapping = around.mapping
        self._source = MappingSource(mapping.id, mapping.function_arn, mapping.stream_arn, shard.id)
        origin = EventOrigin(mapping.stream_arn, shard.id, mapping.role_arn)
        self._reader: ShardRecordReader
        if mapping.consumer_arn:
            self._reader = Subscription(around.cloud.kinesis, origin, mapping.consumer_arn, start)
        else:
            self._reader = ShardReader(around.cloud.kinesis, origin, start)
        self._lanes = [Lane()] * self._rules.parallelization_factor
        self._last_read = start.sequence_number
        self._is_closed = False
        # Whether the last read succeeded.
        self._is_read = False
        # Guards the four above; every change of them notifies.
        self._changed = threading.Condition()
        self._replacement: Shard | None = None
        self._threads = [self._thread(self._read, "reader")]
        self._threads += [self._thread(self._deliver, f"lane {n}", n) for n in range(len(self._lanes))]

    def _thread(self, work: Callable[..., None], name: str, *args: int) -> threading.Thread:
        def run() -> None:
            try:
                work(*args)
            except BaseException as error:
                self._around.fail(error)

        return threading.Thread(target=run, name=f"{self.shard.id} {name}", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Make every thread check immediately whether to stop."""
        with self._changed:
            self._changed.notify_all()

    def join(self, deadline: float) -> bool:
        """Wait for the threads until `deadline` (monotonic seconds); return whether all have ended."""
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def replace_shard(self, shard: Shard) -> bool:
        """Continue with `shard`, recreated under the same id; False if already known."""
        with self._changed:
            if self._is_closed or shard in (self.shard, self._replacement):
                return False
            self._replacement = shard
            return True

    @property
    def checkpoint(self) -> str:
        """The sequence number up to which every record is done; before there is one, the start position."""
        with self._changed:
            return checkpoint(self._lanes, self._last_read) or str(self._start)

    @property
    def is_drained(self) -> bool:
        """Whether the shard is closed and all its records are done."""
        with self._changed:
            return self._is_closed and not any(lane.first for lane in self._lanes)

    def age(self, now: float) -> float | None:
        """Age in seconds of the oldest record that was read and is not done, 0 if there is none.

        None if the shard is not being read; `now` is in seconds since the epoch.
        """
        with self._changed:
            undone = [lane.first.arrived_at for lane in self._lanes if lane.first]
            if undone:
                return max(0.0, now - min(undone))
            return 0.0 if self._is_read and not self._is_closed else None

    def _read(self) -> None:
        try:
            self._keep_reading()
        finally:
            self._reader.close()

    def _keep_reading(self) -> None:
        faults = 0
        pause = 0.0
        while limit := self._await_room():
            if self._replacement:
                self.shard, self._replacement = self._replacement, None
                self._reader.renew()
            try:
                expiring = time.time() >= self._around.records_expire_from
                page = self._reader.read(limit, time.monotonic(), expiring=expiring)
            except (BotoCoreError, ClientError) as error:
                if not is_transient(error):
                    raise
                faults += 1
                self._is_read = False
                if faults == 1 and not is_throttle(error):
                    self._around.on_problem(f"cannot read {self.shard.id}, trying on: {error}")
                self._around.stop.wait(delay(faults, random.random()))
                continue
            faults = 0
            self._around.measures.read(self.shard.id, page.records)
            self._add(page)
            if page.closed:
                return
            pause = self._reader.pause(page, limit, pause, POLL_SECONDS * self._around.shards_read())
            self._around.stop.wait(pause)

    def _await_room(self) -> int:
        with self._changed:
            while not self._around.stop.is_set():
                if limit := min(free_capacity(self._lanes, self._rules), MOST_A_CALL):
                    return limit
                self._changed.wait()
        return 0

    def _add(self, page: RecordsPage) -> None:
        if page.vanished:
            self._around.on_problem(
                f"{self.shard.id} is gone from the stream: MiniStack keeps no shard that was split, merged"
                " or resized, nor the records that were not read from it by then"
            )
        of_lane: dict[int, list[EventRecord]] = {}
        for record in page.records:
            of_lane.setdefault(lane_for(record, len(self._lanes)), []).append(record)
        with self._changed:
            for number, records in of_lane.items():
                self._lanes[number] = append(self._lanes[number], records)
            if page.records:
                self._last_read = page.records[-1].sequence_number
            self._is_closed = page.closed
            self._is_read = True
            self._changed.notify_all()
        if self.is_drained:
            self._around.on_drained()

    def _deliver(self, number: int) -> None:
        last: DiscardedInvocation | None = None
        while batch := self._await_batch(number):
            settled = expire(batch, self._rules, time.time())
            if settled is None:
                sent_at = time.time()
                answer = invoke(
                    self._around.cloud.lambda_,
                    self._around.mapping.function_arn,
                    batch.records,
                    reports_failures=self._rules.reports_failures,
                )
                if answer.fault and not batch.refusals:
                    self._around.on_problem(f"cannot invoke the function, trying on: {answer.fault}")
                if answer.invocation:
                    last = answer.invocation
                    self._around.measures.delivered(batch.records, sent_at)
                self._around.measures.failed(unprocessed_of(batch, answer.outcome))
                settled = apply_outcome(batch, answer.outcome, self._rules)
            if settled.discarded:
                about = last if settled.discarded.invocations else None
                if not self._around.destination.take(settled.discarded, self._source, about):
                    return
            with self._changed:
                self._lanes[number] = replace_head(self._lanes[number], settled.again)
                self._changed.notify_all()
            self._around.stop.wait(delay(settled.pause, random.random()))

    def _await_batch(self, number: int) -> Batch | None:
        """Wait for the next batch that the lane is to send; None when there is nothing more to do."""
        with self._changed:
            while not self._around.stop.is_set():
                now = time.monotonic()
                lane = form_batch(self._lanes[number], self._rules, now)
                self._lanes[number] = lane
                if lane.batches:
                    # There may be capacity to read more now.
                    self._changed.notify_all()
                    return lane.batches[0]
                if self._is_closed and not lane.waiting:
                    break
                self._changed.wait(window_end(lane, self._rules) - now if lane.waiting else None)
        if self.is_drained:
            self._around.on_drained()
        return None
