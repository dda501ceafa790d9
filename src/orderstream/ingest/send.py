"""Send orders from a file, standard input or the command line, and sample traffic at a given rate."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from orderstream.client import OrderProducer, RecordMetadata
from orderstream.client.serialization import ensure_order_id
from orderstream.domain.decode import decode
from orderstream.errors import InputError, OrderstreamError
from orderstream.ingest.order_reader import BadLine, InputLine
from orderstream.ingest.samples import Kind, Sample
from orderstream.progress import Progress, no_progress

# How many of the orders that were not sent are named at the end.
MOST_NAMED = 10


@dataclass
class SendStats:
    """How many lines were read, sent, and not sent; updated from several threads.

    `not_sent` names the first that were not: "line 3 (A-1003)", or "line 4" for one without an id.
    """

    read: int = 0
    sent: int = 0
    failed: int = 0
    kinds: dict[Kind, int] = field(default_factory=dict)
    not_sent: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, *, sent: bool, name: str = "") -> None:
        """Count one record's outcome; `name` identifies the record."""
        with self._lock:
            if sent:
                self.sent += 1
                return
            self.failed += 1
            if name and len(self.not_sent) < MOST_NAMED:
                self.not_sent.append(name)


def send_lines(
    producer: OrderProducer,
    lines: Iterable[InputLine | BadLine],
    *,
    check: bool,
    on_receipt: Callable[[RecordMetadata], None],
    on_fault: Callable[[str], None],
) -> SendStats:
    """Send every valid line. `on_fault` is called for each other line ("line 7: …"), and sending continues.

    With `check`, an order that the pipeline would quarantine is reported here and is not sent.
    """
    tally = SendStats()
    for line in lines:
        tally.read += 1
        try:
            if isinstance(line, BadLine):
                raise InputError(line.text)
            # Include the id in the check: it may be what makes the order too large.
            data, _, _ = ensure_order_id(line.raw)
            if check:
                _refuse_invalid(data)
            outcome = producer.send_json(data)
        except InputError as error:
            tally.count(sent=False, name=_name(line))
            on_fault(f"{line.place}: {error.message}")
            continue
        outcome.add_done_callback(_reporter(line, tally, on_receipt, on_fault))
    producer.flush()
    return tally


def _refuse_invalid(data: bytes) -> None:
    reasons = decode(data).reasons
    if reasons:
        raise InputError("; ".join(f"{reason.path} {reason.message}" for reason in reasons))


def _name(line: InputLine | BadLine) -> str:
    found = decode(line.raw).raw_order_id if isinstance(line, InputLine) else None
    return f"{line.place} ({found})" if found else line.place


def _reporter(
    line: InputLine,
    tally: SendStats,
    on_receipt: Callable[[RecordMetadata], None],
    on_fault: Callable[[str], None],
) -> Callable[[Future[RecordMetadata]], None]:
    def report(outcome: Future[RecordMetadata]) -> None:
        error = outcome.exception()
        tally.count(sent=error is None, name=_name(line) if error else "")
        if error is None:
            on_receipt(outcome.result())
        else:
            on_fault(f"{line.place}: {error.message if isinstance(error, OrderstreamError) else error}")

    return report


def simulate(
    producer: OrderProducer,
    traffic: Iterable[Sample],
    *,
    rate: float,
    seconds: float | None,
    stop: threading.Event,
    tally: SendStats,
    progress: Progress = no_progress,
) -> SendStats:
    """Send samples at `rate` per second (inf: unlimited), until they end, `seconds` pass or `stop` is set.

    `tally` is updated continuously, and returned once every record that was sent has an outcome.
    """
    start = time.monotonic()
    for sample in traffic:
        # Random gaps, as from many independent producers.
        due = start + (tally.read + random.expovariate(1)) / rate
        if seconds is not None and due > start + seconds:
            break
        if stop.wait(max(0.0, due - time.monotonic())):
            break
        tally.read += 1
        progress("orders sent", tally.read)
        tally.kinds[sample.kind] = tally.kinds.get(sample.kind, 0) + 1
        outcome = producer.send_bytes(sample.data, partition_key=sample.partition_key)
        outcome.add_done_callback(lambda done: tally.count(sent=done.exception() is None))
    producer.flush()
    return tally
