"""The threads of one shard: one reads it, and one per lane delivers."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError

from orderstream.aws.clients import AwsClients
from orderstream.aws.kinesis_event import EventRecord
from orderstream.aws.stack import table_of
from orderstream.local.esm.destination import Destination
from orderstream.local.esm.failures import DiscardedInvocation, MappingSource
from orderstream.local.esm.lanes import (
    Batch,
    Lane,
    append,
    apply_outcome,
    checkpoint,
    expire,
    form_batch,
    free_capacity,
    lane_for,
    replace_head,
    unprocessed_of,
    window_end,
)
from orderstream.local.esm.receiver import Receiver
from orderstream.local.esm.shard_reader import RecordsPage
from orderstream.local.esm.shards import Position
from orderstream.local.esm.sources import open_reader
from orderstream.local.threads import Threads
from orderstream.sdk.errors import is_throttle, is_transient
from orderstream.sdk.retries import mapping_delay

# Each call leaves an iterator in MiniStack for a while, and each Kinesis request scans all of them. So all
# shards share the rate of calls.
POLL_SECONDS = 0.1
# An empty shard is polled less and less often, down to AWS's once a second.
IDLE_POLL_SECONDS = 1.0
# Where arrivals are told, nothing is polled for. What arrives within the first is read together, and the
# second is for what was not told.
TOLD_POLL_SECONDS = 0.02
TOLD_IDLE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What all shards of an event source share. The functions may be called from any thread."""

    cloud: AwsClients
    receiver: Receiver
    destination: Destination
    threads: Threads
    on_problem: Callable[[str], None]
    on_drained: Callable[[], None]
    shards_read: Callable[[], int]
    is_told: bool


class ShardWorker:
    """Reads a shard from `start` on and delivers its records, until it is drained or told to stop."""

    def __init__(self, shard_id: str, start: Position, around: WorkerContext) -> None:
        self._shard_id = shard_id
        self._start = start
        self._around = around
        mapping = around.receiver.mapping
        self._rules = mapping.rules
        self._source = MappingSource(mapping.id, mapping.function_arn, mapping.stream_arn, shard_id)
        self._reader = open_reader(around.cloud, mapping, shard_id, start)
        self._lanes = [Lane()] * self._rules.parallelization_factor
        self._last_read = start.sequence_number
        self._is_closed = False
        # Whether the last read succeeded.
        self._is_read = False
        # Guards the four above; every change of them notifies.
        self._changed = threading.Condition()
        self._arrived = threading.Event()

    def start(self) -> None:
        """Start the threads."""
        self._around.threads.start(self._read, f"{self._shard_id} reader")
        for number in range(len(self._lanes)):
            self._around.threads.start(partial(self._deliver, number), f"{self._shard_id} lane {number}")

    def wake(self) -> None:
        """Make every thread check immediately whether to stop."""
        with self._changed:
            self._changed.notify_all()
        self._arrived.set()

    def arrived(self, names: Collection[str]) -> None:
        """Read now if one of `names` is that of this shard, of its stream, or of its table."""
        stream = self._source.stream_arn
        if not {stream, f"{stream}/{self._shard_id}", table_of(stream)}.isdisjoint(names):
            self._arrived.set()

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
            unfinished = [lane.first.arrived_at for lane in self._lanes if lane.first]
            if unfinished:
                return max(0.0, now - min(unfinished))
            return 0.0 if self._is_read and not self._is_closed else None

    def _read(self) -> None:
        with closing(self._reader):
            self._keep_reading()

    def _keep_reading(self) -> None:
        faults = 0
        pause = 0.0
        while limit := self._await_room():
            self._arrived.clear()
            try:
                page = self._reader.read(limit, time.monotonic())
            except (BotoCoreError, ClientError) as error:
                if not is_transient(error):
                    raise
                faults += 1
                self._is_read = False
                if faults == 1 and not is_throttle(error):
                    self._around.on_problem(f"cannot read {self._shard_id}, trying on: {error}")
                self._around.threads.stopping.wait(mapping_delay(faults, random.random()))
                continue
            faults = 0
            self._around.receiver.metrics.read(self._shard_id, page.records)
            self._add(page)
            if page.closed:
                return
            if self._reader.waits or len(page.records) == limit:
                continue
            if self._around.is_told:
                self._around.threads.stopping.wait(TOLD_POLL_SECONDS)
                self._arrived.wait(TOLD_IDLE_SECONDS)
            else:
                pause = self._pause(len(page.records), pause)
                self._around.threads.stopping.wait(pause)

    def _pause(self, count: int, before: float) -> float:
        """Seconds until the next call. The last one returned `count` records, after the pause `before`."""
        floor = POLL_SECONDS * self._around.shards_read()
        if count:
            return floor
        return max(floor, min(IDLE_POLL_SECONDS, 2 * before))

    def _await_room(self) -> int:
        with self._changed:
            while not self._around.threads.stopping.is_set():
                if limit := min(free_capacity(self._lanes, self._rules), self._reader.most_a_call):
                    return limit
                self._changed.wait()
        return 0

    def _add(self, page: RecordsPage) -> None:
        if page.vanished:
            self._around.on_problem(
                f"{self._shard_id} is gone from the stream: MiniStack keeps no shard that was split, merged"
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
        receiver = self._around.receiver
        last: DiscardedInvocation | None = None
        while batch := self._await_batch(number):
            settled = expire(batch, self._rules, time.time())
            if settled is None:
                sent_at = time.time()
                answer = receiver.send(batch.records)
                if answer.fault and not batch.refusals:
                    self._around.on_problem(f"cannot deliver records, trying on: {answer.fault}")
                if answer.invocation:
                    last = answer.invocation
                    receiver.metrics.delivered(batch.records, sent_at)
                receiver.metrics.failed(unprocessed_of(batch, answer.outcome))
                settled = apply_outcome(batch, answer.outcome, self._rules)
            if settled.discarded:
                about = last if settled.discarded.invocations else None
                if not self._around.destination.take(settled.discarded, self._source, about):
                    return
            with self._changed:
                self._lanes[number] = replace_head(self._lanes[number], settled.again)
                self._changed.notify_all()
            self._around.threads.stopping.wait(mapping_delay(settled.pause, random.random()))

    def _await_batch(self, number: int) -> Batch | None:
        """Wait for the next batch that the lane is to send; None when there is nothing more to do."""
        with self._changed:
            while not self._around.threads.stopping.is_set():
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
