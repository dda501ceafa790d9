"""A local cloud whose function, producer and event source all reach AWS over a wire with faults."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, Self, TypeVar, cast

import botocore.session
from botocore.config import Config

from orderstream.client import OrderProducer, RecordMetadata
from orderstream.client.put_records import CONFIG as PRODUCER_CONFIG
from orderstream.domain.ids import event_id
from orderstream.ingest.samples import Sample
from orderstream.local.cloud import ACCOUNT, REGION, SECRET, deploy, local_cloud
from orderstream.local.event_source import EventSource
from orderstream.local.ministack import MiniStack, free_port
from tests.chaos.wire import Wire
from tests.settings import change

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

T = TypeVar("T")

# How long the traffic of a scenario may take to be processed, on a machine that does other things as well.
PATIENCE_SECONDS = 180
TOKEN = "the secret of the stage"


@dataclass(frozen=True)
class Sent:
    """A sample that was handed to the producer, and where Kinesis acknowledged it; None if it did not."""

    sample: Sample
    shard_id: str | None
    sequence_number: str | None

    @property
    def event_id(self) -> str | None:
        if self.shard_id is None or self.sequence_number is None:
            return None
        return event_id(self.shard_id, self.sequence_number)


class Stage:
    """The cloud of the scenarios. `deployment` reads the outcome and knows no faults; `wire` has them.

    `parameters` are those of the template. Many small batches mean more calls for faults to meet.
    """

    def __init__(self, parameters: Mapping[str, str] = MappingProxyType({}), *, batch_size: int = 50) -> None:
        self._parameters = parameters
        self._batch_size = batch_size
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            self.work_dir = Path(starting.enter_context(TemporaryDirectory(prefix="orderstream-chaos-")))
            self.checkpoints = self.work_dir / "checkpoints.json"
            self.ministack = starting.enter_context(
                MiniStack(port=free_port(), token=TOKEN, work_dir=self.work_dir)
            )
            self.deployment = deploy(
                local_cloud(self.ministack.endpoint_url, TOKEN), self.work_dir, self._parameters
            )
            self.wire = Wire(self.ministack.endpoint_url)
            starting.enter_context(self.wire.running())
            # MiniStack gives a function its own address only where the function has no other.
            change(self.deployment, AWS_ENDPOINT_URL=self.wire.endpoint_url)
            self.deployment.cloud.lambda_.update_event_source_mapping(
                UUID=self.deployment.mapping_id,
                Enabled=False,
                BatchSize=self._batch_size,
                MaximumBatchingWindowInSeconds=0,
            )
            self._start_event_source()
            starting.callback(self._stop_event_source)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def _start_event_source(self) -> None:
        self._event_source = event_source(
            self.wire.endpoint_url, self.deployment.mapping_id, self.checkpoints
        )
        self._event_source.start()

    def _stop_event_source(self) -> None:
        self._event_source.stop()

    @contextmanager
    def another_event_source(self) -> Iterator[None]:
        """While the block runs, whoever uses it reads the stream, with the same checkpoints."""
        self._stop_event_source()
        try:
            yield
        finally:
            self._start_event_source()

    def send(self, samples: Sequence[Sample], seconds: float) -> list[Sent]:
        """Send the samples over the wire, spread over so many seconds, and wait for the outcome of each."""
        return send(producer_client(self.wire.endpoint_url, TOKEN), self.deployment.stream, samples, seconds)

    def await_processed(self, sent: Iterable[Sent], seconds: float = PATIENCE_SECONDS) -> None:
        """Return when the event source has no acknowledged record of them left to deliver.

        Raises CloudError if it has broken off.
        """

        def is_processed() -> bool:
            self._event_source.check()
            return is_past(self.checkpoints, self.deployment.mapping_id, sent)

        awaited(is_processed, seconds)


def event_source(endpoint_url: str, mapping_id: str, checkpoints: Path) -> EventSource:
    """An event source for the stage; its problems are ignored, because faults cause them."""
    cloud = local_cloud(endpoint_url, TOKEN)
    return EventSource(cloud, mapping_id, checkpoints=checkpoints, on_problem=lambda problem: None)


def producer_client(endpoint_url: str, token: str) -> KinesisClient:
    """OrderProducer's client, which stops waiting for an answer after 5 seconds, not 30."""
    session = botocore.session.Session()
    session.set_credentials(ACCOUNT, SECRET, token)
    config = PRODUCER_CONFIG.merge(Config(read_timeout=5))
    client = session.create_client("kinesis", region_name=REGION, endpoint_url=endpoint_url, config=config)
    return cast("KinesisClient", client)


def send(client: KinesisClient, stream: str, samples: Sequence[Sample], seconds: float) -> list[Sent]:
    """Send the samples, spread over so many seconds, and wait for the outcome of each."""
    with OrderProducer(stream, client) as producer:
        began = time.monotonic()
        outcomes = []
        for number, sample in enumerate(samples):
            due = began + number * seconds / len(samples)
            time.sleep(max(0.0, due - time.monotonic()))
            outcomes.append(producer.send_bytes(sample.data, partition_key=sample.partition_key))
    return [_sent(sample, outcome) for sample, outcome in zip(samples, outcomes, strict=True)]


def _sent(sample: Sample, outcome: Future[RecordMetadata]) -> Sent:
    if outcome.exception():
        return Sent(sample, None, None)
    receipt = outcome.result()
    return Sent(sample, receipt.shard_id, receipt.sequence_number)


def done_up_to(checkpoints: Path, mapping_id: str) -> dict[str, int]:
    """The sequence number up to which each shard is done, by the file; shards without one are left out."""
    saved = json.loads(checkpoints.read_text()) if checkpoints.exists() else {}
    return {shard: int(done) for shard, done in saved.get(mapping_id, {}).items() if done.isdigit()}


def is_past(checkpoints: Path, mapping_id: str, sent: Iterable[Sent]) -> bool:
    """Whether the file says that each shard is done up to the last acknowledged record."""
    done = done_up_to(checkpoints, mapping_id)
    return all(
        done.get(record.shard_id, -1) >= int(record.sequence_number)
        for record in sent
        if record.shard_id is not None and record.sequence_number is not None
    )


def awaited(wanted: Callable[[], T | None], seconds: float = PATIENCE_SECONDS) -> T:
    """What `wanted` returns as soon as it is something; fails when it is nothing for so long."""
    deadline = time.monotonic() + seconds
    while not (found := wanted()):
        assert time.monotonic() < deadline, f"waited for {seconds} s in vain"
        time.sleep(0.05)
    return found
