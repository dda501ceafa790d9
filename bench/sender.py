"""One process that sends: does each job of its standard input, and tells what it cost.

`python -m bench.sender PROCESSOR`. A job is a line of JSON: `how` it is sent (raw, a method of
OrderProducer, stream, file), `size` (bytes an order) and `records`, or the `file` for `orders send`. A line
of standard output is what it cost: seconds `cpu` and `wall`, MB of memory at the start and at most.
"""

from __future__ import annotations

import base64
import gc
import io
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from decimal import Decimal
from functools import lru_cache
from typing import Any

import botocore.session

from bench.events import traffic
from bench.proc_stats import peak_mb
from orderstream.client import OrderProducer
from orderstream.client.put_records import producer_client

STREAM = "OrderStream"
# Of the orders that are sent again and again where it is about memory: they must not take it themselves.
POOL = 20_000

Work = Callable[[], None]


def orders(size: int) -> Iterator[bytes]:
    """Orders of `size` bytes without end, each with an id of its own."""
    for seed in itertools.count():
        # Few at a time: what making them takes must not hide what sending them takes.
        for record in json.loads(traffic(1000, size, seed=seed).event)["Records"]:
            yield base64.b64decode(record["kinesis"]["data"])


@lru_cache(1)
def _ready(size: int, records: int) -> tuple[list[bytes], list[str]]:
    """So many orders, and their partition keys."""
    found = list(itertools.islice(orders(size), records))
    return found, [json.loads(order)["customer_id"] for order in found]


def _raw(size: int, records: int) -> Work:
    """The plain way: a client of the SDK as it comes, and lists of 500 records that are there already."""
    pairs = zip(*_ready(size, records), strict=True)
    entries: list[Any] = [{"Data": data, "PartitionKey": key} for data, key in pairs]
    calls = [entries[start : start + 500] for start in range(0, records, 500)]
    client: Any = botocore.session.Session().create_client("kinesis")

    def work() -> None:
        for call in calls:
            assert client.put_records(StreamName=STREAM, Records=call)["FailedRecordCount"] == 0

    return work


def _produce(send_all: Callable[[OrderProducer], None], records: int) -> Work:
    # Made before the clock starts, as the client of the plain way is.
    client = producer_client(botocore.session.Session())

    def work() -> None:
        with OrderProducer(STREAM, client) as producer:
            send_all(producer)
        assert (producer.sent, producer.failed) == (records, 0)

    return work


def _send_json(size: int, records: int) -> Work:
    found, _ = _ready(size, records)

    def send_all(producer: OrderProducer) -> None:
        for order in found:
            producer.send_json(order)

    return _produce(send_all, records)


def _send_bytes(size: int, records: int) -> Work:
    found, keys = _ready(size, records)

    def send_all(producer: OrderProducer) -> None:
        for order, key in zip(found, keys, strict=True):
            producer.send_bytes(order, partition_key=key)

    return _produce(send_all, records)


def _send(size: int, records: int) -> Work:
    found = [json.loads(order, parse_float=Decimal) for order in _ready(size, records)[0]]

    def send_all(producer: OrderProducer) -> None:
        for order in found:
            producer.send(order)

    return _produce(send_all, records)


def _stream(size: int, records: int) -> Work:
    """As send_json, from a pool of orders."""
    pool = list(itertools.islice(orders(size), POOL))

    def send_all(producer: OrderProducer) -> None:
        for order in itertools.islice(itertools.cycle(pool), records):
            producer.send_json(order)

    return _produce(send_all, records)


def _file(file: str) -> Work:
    """`orders send FILE`."""
    # Here, because nothing else of what is measured has all this in its memory.
    from orderstream.cli import main as orders_command

    def work() -> None:
        sys.argv = ["orders", "send", file]
        said = io.StringIO()
        try:
            with redirect_stderr(said):
                orders_command()
        except SystemExit as end:
            assert not end.code, said.getvalue()

    return work


_HOW: dict[str, Callable[..., Work]] = {
    "raw": _raw,
    "send_json": _send_json,
    "send_bytes": _send_bytes,
    "send": _send,
    "stream": _stream,
    "file": _file,
}


def _cost(work: Work) -> dict[str, float]:
    # What was prepared is not what is measured: the collector must not walk it for those who make objects.
    gc.collect()
    gc.freeze()
    start = peak_mb(os.getpid())
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    gc.unfreeze()
    return {"cpu": cpu, "wall": wall, "start_mb": start, "peak_mb": peak_mb(os.getpid())}


def main() -> None:
    """Do what comes."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(_cost(_HOW[job.pop("how")](**job))), flush=True)


if __name__ == "__main__":
    main()
