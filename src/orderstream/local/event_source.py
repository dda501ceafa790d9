"""The local event source mapping: polls the stream and invokes the function as AWS would.

MiniStack's own mapping has no partial failures, splits, retries, ages, parallel lanes or destinations. So it
is deployed disabled, and this module does its work with its settings. AWS's behavior is in the pure modules
of `esm` (`lanes`, `outcomes`, `shards`, `failures`); the threads are here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from orderstream.aws.clients import AwsClients
from orderstream.errors import CloudError, OrderstreamError
from orderstream.local.esm.checkpoints import CheckpointFile, Checkpoints
from orderstream.local.esm.destination import Destination
from orderstream.local.esm.mapping import Mapping, read_mapping
from orderstream.local.esm.measures import Measures
from orderstream.local.esm.metrics import MetricSender
from orderstream.local.esm.shard_reader import parse_records_fast
from orderstream.local.esm.shard_worker import ShardWorker, WorkerContext
from orderstream.local.esm.shards import Position, Shard, readable, start_of
from orderstream.sdk.errors import is_transient, translate_errors

SURVEY_SECONDS = 2.0
HOUSEKEEPING_SECONDS = 1.0
STOP_SECONDS = 30.0


class EventSource:
    """Delivers the records of a mapping's stream to its function, from `start` to `stop`.

    `mapping_id` is the UUID of a disabled mapping, `checkpoints` the JSON file from which a restart resumes.
    `on_problem` is called with one line for each non-fatal error, from any thread.
    """

    def __init__(
        self, cloud: AwsClients, mapping_id: str, *, checkpoints: Path, on_problem: Callable[[str], None]
    ) -> None:
        self._cloud = cloud
        self._mapping_id = mapping_id
        self._file = CheckpointFile(checkpoints, mapping_id)
        self._on_problem = on_problem
        self._stop = threading.Event()
        self._drained_some = threading.Event()
        self._error: BaseException | None = None
        self._threads: list[threading.Thread] = []
        self._workers: dict[str, ShardWorker] = {}
        self._drained: set[Shard] = set()
        self._done: Checkpoints = {}
        # Guards the three above: the survey thread changes them, the saving thread reads them.
        self._lock = threading.Lock()
        self._saved: Checkpoints | None = None
        self._cannot_save = False
        self._around: WorkerContext

    def start(self) -> None:
        """Read the mapping and start; raises CloudError if it is enabled, unknown, or unsupported."""
        with translate_errors(f"cannot read event source mapping {self._mapping_id}"):
            mapping = read_mapping(self._cloud, self._mapping_id)
        self._saved = self._file.load()
        self._done = dict(self._saved or {})
        with translate_errors(f"cannot read {mapping.stream_arn}"):
            self._around = self._surroundings(mapping)
            self._survey(first_start=mapping.starting if self._saved is None else None)
        self._threads = [
            self._thread(self._keep_surveying, "survey"),
            self._thread(self._keep_saving, "checkpoints"),
            self._thread(self._keep_measuring, "metrics"),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait up to 30 seconds for running invocations, and save the checkpoints.

        What is not done by then is redelivered after the next start. May be called again.
        """
        if not self._threads:
            return
        self._halt()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            workers = list(self._workers.values())
        late = [worker.shard.id for worker in workers if not worker.join(deadline)]
        if late:
            self._on_problem(f"invocations for {', '.join(late)} did not end; their records come again")
        self._threads = []
        self._save()
        self._around.measures.send(everything=True)

    def check(self) -> None:
        """Raise CloudError if an unexpected error has ended it."""
        if self._error is None:
            return
        if isinstance(self._error, OrderstreamError):
            raise self._error
        raise CloudError(f"the event source broke off: {self._error!r}") from self._error

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is None:
            self.check()

    def _surroundings(self, mapping: Mapping) -> WorkerContext:
        measures = Measures(mapping, MetricSender(self._cloud.cloudwatch, self._on_problem))
        stream = self._cloud.kinesis.describe_stream_summary(StreamARN=mapping.stream_arn)
        about = stream["StreamDescriptionSummary"]
        retention = timedelta(hours=about["RetentionPeriodHours"])
        parse_records_fast(self._cloud.kinesis)
        return WorkerContext(
            cloud=self._cloud,
            mapping=mapping,
            records_expire_from=(about["StreamCreationTimestamp"] + retention).timestamp(),
            measures=measures,
            destination=Destination(
                self._cloud,
                mapping.destination,
                wait=self._stop.wait,
                on_problem=self._on_problem,
                on_end=measures.ended,
            ),
            stop=self._stop,
            on_problem=self._on_problem,
            on_drained=self._drained_some.set,
            fail=self._fail,
            shards_read=lambda: len(self._workers),
        )

    def _thread(self, work: Callable[[], None], name: str) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                self._fail(error)

        return threading.Thread(target=run, name=f"event source {name}", daemon=True)

    def _fail(self, error: BaseException) -> None:
        # The first error stops everything: half an event source would look alive and fall behind.
        if self._error is None:
            self._error = error
            self._on_problem(f"the event source stops: {error!r}")
        self._halt()

    def _halt(self) -> None:
        self._stop.set()
        self._drained_some.set()
        for worker in list(self._workers.values()):
            worker.wake()

    def _keep_surveying(self) -> None:
        failing = False
        while True:
            self._drained_some.wait(SURVEY_SECONDS)
            self._drained_some.clear()
            if self._stop.is_set():
                return
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
        listed = self._list_shards()
        with self._lock:
            self._put_away_drained(listed)
            for shard in listed:
                self._notice_made_anew(shard)
            for shard in readable(listed, self._drained, self._workers.keys()):
                worker = ShardWorker(shard, start_of(shard, self._done, first_start), self._around)
                self._workers[shard.id] = worker
                worker.start()

    def _list_shards(self) -> list[Shard]:
        pages = self._cloud.kinesis.get_paginator("list_shards").paginate(
            StreamARN=self._around.mapping.stream_arn
        )
        return [
            Shard(
                shard["ShardId"],
                shard["SequenceNumberRange"]["StartingSequenceNumber"],
                tuple(
                    parent
                    for parent in (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                    if parent
                ),
            )
            for page in pages
            for shard in page["Shards"]
        ]

    def _put_away_drained(self, listed: list[Shard]) -> None:
        for worker in [worker for worker in self._workers.values() if worker.is_drained]:
            del self._workers[worker.shard.id]
            self._drained.add(worker.shard)
            self._done[worker.shard.id] = worker.checkpoint
        self._drained.intersection_update(listed)
        kept = {shard.id for shard in listed} | self._workers.keys()
        self._done = {shard_id: done for shard_id, done in self._done.items() if shard_id in kept}

    def _notice_made_anew(self, shard: Shard) -> None:
        worker = self._workers.get(shard.id)
        if worker and worker.replace_shard(shard):
            self._on_problem(
                f"{shard.id} was made anew: MiniStack's UpdateShardCount drops all records, those that"
                " were not read by then too"
            )

    def _keep_saving(self) -> None:
        while not self._stop.wait(HOUSEKEEPING_SECONDS):
            self._save()

    def _save(self) -> None:
        with self._lock:
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

    def _keep_measuring(self) -> None:
        while not self._stop.wait(HOUSEKEEPING_SECONDS):
            now = time.time()
            ages = [worker.age(now) for worker in list(self._workers.values())]
            self._around.measures.ages([age for age in ages if age is not None], now)
            self._around.measures.send()
