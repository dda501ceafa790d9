"""The local event source mapping: polls the stream and invokes the function, or runs a pipe, as AWS would.

The stream is a Kinesis or a DynamoDB stream. MiniStack's own mappings have no partial failures, splits,
retries, ages, parallel lanes or destinations. So they are deployed disabled, and this module does their work
with their settings. AWS's behavior is in the pure modules of `esm` (`lanes`, `outcomes`, `shards`,
`failures`); the threads are here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from orderstream.aws.clients import AwsClients
from orderstream.local.esm.checkpoints import CheckpointFile, Checkpoints
from orderstream.local.esm.destination import Destination
from orderstream.local.esm.receiver import OpenReceiver, Receiver, function_of_mapping
from orderstream.local.esm.shard_worker import ShardWorker, WorkerContext
from orderstream.local.esm.shards import Position, readable, start_of
from orderstream.local.esm.sources import list_shards
from orderstream.local.threads import Threads
from orderstream.sdk.errors import is_transient, translate_errors

HOUSEKEEPING_SECONDS = 1.0
# Where arrivals are told, other shards are too.
TOLD_SURVEY_SECONDS = 10.0
STOP_SECONDS = 30.0


class EventSource(AbstractContextManager["EventSource"]):
    """Delivers the records of a mapping's stream to its function, from `start` to `stop`.

    `mapping_id` is the UUID of a disabled mapping, `checkpoints` the JSON file from which a restart resumes.
    `on_problem` is called with one line for each non-fatal error, from any thread. With another
    `open_receiver`, it is the id of what that opens, such as a pipe. With `is_told` it does not poll, because
    somebody calls `arrived`.
    """

    def __init__(
        self,
        cloud: AwsClients,
        mapping_id: str,
        *,
        checkpoints: Path,
        on_problem: Callable[[str], None],
        open_receiver: OpenReceiver = function_of_mapping,
        is_told: bool = False,
    ) -> None:
        self._cloud = cloud
        self._mapping_id = mapping_id
        self._file = CheckpointFile(checkpoints, mapping_id)
        self._on_problem = on_problem
        self._open_receiver = open_receiver
        self._is_told = is_told
        self._threads = Threads("the event source", self._end)
        self._wake = threading.Event()
        self._workers: dict[str, ShardWorker] = {}
        self._drained: set[str] = set()
        self._done: Checkpoints = {}
        self._saved: Checkpoints | None = None
        self._cannot_save = False
        self._around: WorkerContext

    def start(self) -> None:
        """Read the mapping and start; raises CloudError if it is enabled, unknown, or unsupported."""
        with translate_errors(f"cannot read event source mapping {self._mapping_id}"):
            receiver = self._open_receiver(self._cloud, self._mapping_id, self._on_problem)
        self._saved = self._file.load()
        self._done = dict(self._saved or {})
        self._around = self._context(receiver)
        with translate_errors(f"cannot read {receiver.mapping.stream_arn}"):
            self._survey(first_start=receiver.mapping.starting if self._saved is None else None)
        # At once: where the first start reads from holds for all later ones.
        self._save()
        self._threads.start(self._keep_house, "event source housekeeping")

    def stop(self) -> None:
        """Wait up to 30 seconds for running invocations, and save the checkpoints.

        What is not done by then is redelivered after the next start. May be called again.
        """
        if late := self._threads.stop(STOP_SECONDS):
            self._on_problem(f"these did not end, and their records come again: {', '.join(late)}")
        self._save()
        self._around.receiver.metrics.send(time.time(), everything=True)

    def arrived(self, names: Collection[str]) -> None:
        """Read now what has arrived in the streams, shards (`ARN/SHARD`) or tables with these names."""
        for worker in list(self._workers.values()):
            worker.arrived(names)
        if self._around.receiver.mapping.stream_arn in names:
            self._wake.set()

    def check(self) -> None:
        """Raise CloudError if an unexpected error has ended it."""
        self._threads.check()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        if error == (None, None, None):
            self.check()

    def _context(self, receiver: Receiver) -> WorkerContext:
        return WorkerContext(
            cloud=self._cloud,
            receiver=receiver,
            destination=Destination(
                cloud=self._cloud,
                arn=receiver.mapping.destination,
                wait=self._threads.stopping.wait,
                on_problem=self._on_problem,
                on_end=receiver.metrics.ended,
            ),
            threads=self._threads,
            on_problem=self._on_problem,
            on_drained=self._wake.set,
            shards_read=lambda: len(self._workers),
            is_told=self._is_told,
        )

    def _end(self, error: BaseException | None) -> None:
        if error:
            self._on_problem(f"the event source stops: {error!r}")
        self._wake.set()
        for worker in list(self._workers.values()):
            worker.wake()

    def _keep_house(self) -> None:
        failing = False
        survey_at = 0.0
        while not self._threads.stopping.is_set():
            is_woken = self._wake.wait(HOUSEKEEPING_SECONDS)
            self._wake.clear()
            self._save()
            self._measure(time.time())
            if not is_woken and time.monotonic() < survey_at:
                continue
            survey_at = time.monotonic() + (TOLD_SURVEY_SECONDS if self._is_told else 0)
            try:
                self._survey(first_start=None)
                failing = False
            except (BotoCoreError, ClientError) as error:
                if not is_transient(error):
                    raise
                if not failing:
                    self._on_problem(f"cannot list the shards, trying on: {error}")
                failing = True

    def _survey(self, first_start: Position | None) -> None:
        listed = list_shards(self._cloud, self._around.receiver.mapping)
        self._put_away_drained({shard.id for shard in listed})
        for shard in readable(listed, self._drained, self._workers.keys()):
            worker = ShardWorker(shard.id, start_of(shard, self._done, first_start), self._around)
            self._workers[shard.id] = worker
            worker.start()

    def _put_away_drained(self, listed: set[str]) -> None:
        for shard_id in [name for name, worker in self._workers.items() if worker.is_drained]:
            self._done[shard_id] = self._workers.pop(shard_id).checkpoint
            self._drained.add(shard_id)
        self._drained &= listed
        kept = listed | self._workers.keys()
        self._done = {shard_id: done for shard_id, done in self._done.items() if shard_id in kept}

    def _measure(self, now: float) -> None:
        ages = [worker.age(now) for worker in self._workers.values()]
        metrics = self._around.receiver.metrics
        metrics.ages([age for age in ages if age is not None], now)
        metrics.send(now)

    def _save(self) -> None:
        reached = self._done | {shard_id: worker.checkpoint for shard_id, worker in self._workers.items()}
        if reached == self._saved:
            return
        try:
            self._file.save(reached)
        except OSError as error:
            # The old ones are still there: a restart rereads more than necessary, but skips nothing.
            if not self._cannot_save:
                self._on_problem(f"cannot save how far the stream is read, trying on: {error.strerror}")
            self._cannot_save = True
            return
        self._saved = reached
        self._cannot_save = False
