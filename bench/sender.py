"""Work for a process that sends: each function sends all orders, and returns what that cost.

Costs are seconds `cpu` and `wall`, and MB of memory at the start and at most (`start_mb`, `peak_mb`).
"""

from __future__ import annotations

import base64
import gc
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr
from decimal import Decimal
from functools import lru_cache
from itertools import count, cycle, islice
from typing import Any

import botocore.session

from bench.events import SIZES, traffic
from bench.proc_stats import peak_mb
from orderstream.client import OrderProducer
from orderstream.client.put_records import producer_client

STREAM = "OrderStream"
WAYS = ("raw", "send_json", "send_bytes", "send")
# Orders that are sent again and again where memory is measured: they must not take it themselves.
POOL = 20_000

Cost = dict[str, float]


def orders(size: int) -> Iterator[bytes]:
    """Orders of `size` bytes without end, each with an id of its own."""
    for seed in count():
        # Few at a time: what making them takes must not hide what sending them takes.
        for record in json.loads(traffic(1000, size, seed=seed).event)["Records"]:
            yield base64.b64decode(record["kinesis"]["data"])


@lru_cache(1)
def _ready(size: int, records: int) -> list[tuple[bytes, str]]:
    """Orders with their partition keys."""
    return [(order, json.loads(order)["customer_id"]) for order in islice(orders(size), records)]


def send(way: str, size: int, records: int) -> Cost:
    """What it costs to send so many orders one by one, in one of WAYS; all are ready before."""
    ready = _ready(size, records)
    if way == "raw":
        return _send_raw(ready)
    documents: list[Any] = [data for data, _ in ready]
    if way == "send":
        documents = [json.loads(data, parse_float=Decimal) for data in documents]

    def send_all(producer: OrderProducer) -> None:
        if way == "send_bytes":
            for data, key in ready:
                producer.send_bytes(data, partition_key=key)
        else:
            _each(getattr(producer, way), documents)

    return _produce(send_all)


def _each(send_one: Callable[[Any], object], documents: Iterable[Any]) -> None:
    for document in documents:
        send_one(document)


def _send_raw(ready: list[tuple[bytes, str]]) -> Cost:
    """The plain way: a client of the SDK as it comes, and lists of 500 records that are there already."""
    entries = [{"Data": data, "PartitionKey": key} for data, key in ready]
    calls = [entries[start : start + 500] for start in range(0, len(entries), 500)]
    client: Any = botocore.session.Session().create_client("kinesis")

    def work() -> None:
        for call in calls:
            assert client.put_records(StreamName=STREAM, Records=call)["FailedRecordCount"] == 0

    return _cost(work)


def send_stream(records: int) -> Cost:
    """What so many small orders cost, from a pool."""
    pool = list(islice(orders(SIZES[0]), POOL))
    return _produce(lambda producer: _each(producer.send_json, islice(cycle(pool), records)))


def _produce(send_all: Callable[[OrderProducer], object]) -> Cost:
    # Made before the clock starts, as the client of the plain way is.
    client = producer_client(botocore.session.Session())

    def work() -> None:
        with OrderProducer(STREAM, client) as producer:
            send_all(producer)
        assert not producer.failed

    return _cost(work)


def send_file(file: str) -> Cost:
    """What `orders send FILE` costs."""
    # Here, because nothing else that is measured has all this in its memory.
    from orderstream.cli import main as orders_command

    def work() -> None:
        sys.argv = ["orders", "send", file]
        said = io.StringIO()
        try:
            with redirect_stderr(said):
                orders_command()
        except SystemExit as end:
            assert not end.code, said.getvalue()

    return _cost(work)


def _cost(work: Callable[[], None]) -> Cost:
    # The collector must not walk what was prepared, which is not what is measured.
    gc.collect()
    gc.freeze()
    start = peak_mb(os.getpid())
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    gc.unfreeze()
    return {"cpu": cpu, "wall": wall, "start_mb": start, "peak_mb": peak_mb(os.getpid())}
