"""The producer beside the plain use of the SDK, its memory, and `orders send` of files up to a million lines.

All ways of sending get the same orders, in turns, in one process and one run; a share is the median over the
rounds of (raw's time / its own). The stub tells how many records came, and checks that calls are signed.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench import sender
from bench.events import SIZES
from bench.harness import in_turns, progress, spread
from bench.processes import Stub, environment, new_process, running_stub
from bench.report import table, targets
from bench.request_checks import SESSION_TOKEN
from bench.sender import Cost
from orderstream.errors import OrderstreamError
from orderstream.local.cloud import local_cloud, local_environment
from orderstream.local.ministack import MiniStack, free_port

COUNTS = [10_000, 100_000]
# MiniStack takes far longer for a record than its client.
MINISTACK_SHARE = 0.2
_TARGET = "producer / raw PutRecords: {way}, {size} B, {endpoint}"


# Environment variables that make it AWS; and what raises unless so many records came while its block ran.
Endpoint = tuple[dict[str, str], Callable[[int], AbstractContextManager[None]]]


def measure(
    records: int = 50_000, rounds: int = 5, sizes: list[int] = SIZES, counts: list[int] = COUNTS
) -> dict[str, Any]:
    """`rates` of each way by size and endpoint, and what so many records need: `memory`, and `files`."""
    few = max(500, int(records * MINISTACK_SHARE))
    rates = [
        one
        for name, endpoint, count in (("the stub", _stub, records), ("MiniStack", _ministack, few))
        for size in sizes
        for one in _rates(name, endpoint, size, count, rounds)
    ]
    return {"rates": rates, "memory": memory(counts), "files": files(counts, rounds)}


@contextmanager
def _stub() -> Iterator[Endpoint]:
    with running_stub() as stub:
        yield environment(stub.port), partial(counted, stub)


@contextmanager
def counted(stub: Stub, records: int) -> Iterator[None]:
    """Raises OrderstreamError unless so many records came meanwhile, in calls that are signed."""
    stub.begin()
    yield
    asked = stub.asked()
    if asked["records"] != records or asked["faults"] or not asked["requests"]:
        raise OrderstreamError(f"{asked['records']:,} of {records:,} records came; {asked['faults']}")


@contextmanager
def _ministack() -> Iterator[Endpoint]:
    with (
        TemporaryDirectory() as folder,
        MiniStack(port=free_port(), token=SESSION_TOKEN, work_dir=Path(folder)) as running,
    ):
        kinesis = local_cloud(running.endpoint_url, SESSION_TOKEN).kinesis

        @contextmanager
        def own_stream(records: int) -> Iterator[None]:
            # MiniStack slows down as a stream fills. The sender checks the answers.
            kinesis.create_stream(StreamName=sender.STREAM, ShardCount=1)
            yield
            kinesis.delete_stream(StreamName=sender.STREAM)

        yield local_environment(running.endpoint_url, SESSION_TOKEN), own_stream


def _rates(
    name: str, endpoint: Callable[[], AbstractContextManager[Endpoint]], size: int, records: int, rounds: int
) -> Iterator[dict[str, Any]]:
    with endpoint() as (variables, received), new_process(variables) as process:

        def send(way: str, number: int) -> Cost:
            progress(f"{records:,} orders of {size} B to {name}: {way}, round {number}")
            with received(records):
                return process.submit(sender.send, way, size, records).result()

        costs = in_turns(sender.WAYS, rounds, send)
    for way, own in costs.items():
        shares, cpu_shares = (
            [raw[what] / cost[what] for raw, cost in zip(costs["raw"], own, strict=True)]
            for what in ("wall", "cpu")
        )
        yield {
            "endpoint": name,
            "size": size,
            "way": way,
            "records": records,
            "rounds": rounds,
            "per_second": records / median(cost["wall"] for cost in own),
            "cpu_us": median(cost["cpu"] for cost in own) / records * 1e6,
            "share": median(shares),
            "share_spread": spread(shares),
            "cpu_share": median(cpu_shares),
            "cpu_share_spread": spread(cpu_shares),
        }


def memory(counts: Sequence[int]) -> list[dict[str, Any]]:
    """What a process that sends so many records needs, in MB at the start and at most."""
    costs = [_sent_alone(records, sender.send_stream, records) for records in counts]
    return [
        {"records": records, "start_mb": cost["start_mb"], "peak_mb": cost["peak_mb"]}
        for records, cost in zip(counts, costs, strict=True)
    ]


def files(counts: Sequence[int], rounds: int) -> list[dict[str, Any]]:
    """What `orders send` of files costs: µs beyond those of one line alone."""
    found = []
    with TemporaryDirectory() as folder:
        for kind in ("ndjson", "csv"):
            file = Path(folder) / f"orders.{kind}"
            one = _file(file, 1, rounds)
            start = median(cost["cpu"] for cost in one)
            for lines in counts:
                # The short ones are over before anything evens out.
                costs = _file(file, lines, rounds if lines < 100_000 else 1)
                found.append(
                    {
                        "kind": kind,
                        "lines": lines,
                        "start_ms": start * 1e3,
                        "start_mb": max(cost["peak_mb"] for cost in one),
                        "us_a_line": (median(cost["cpu"] for cost in costs) - start) / lines * 1e6,
                        "per_second": lines / median(cost["wall"] for cost in costs),
                        "peak_mb": max(cost["peak_mb"] for cost in costs),
                    }
                )
    return found


def _file(file: Path, lines: int, rounds: int) -> list[Cost]:
    with file.open("w") as out:
        if file.suffix == ".csv":
            rows = csv.writer(out)
            rows.writerow(["order_id", "customer_id", "amount"])
            for order in islice(sender.orders(SIZES[0]), lines):
                rows.writerow(json.loads(order, parse_float=str).values())
        else:
            out.writelines(f"{order.decode()}\n" for order in islice(sender.orders(SIZES[0]), lines))
    return [_sent_alone(lines, sender.send_file, str(file)) for _ in range(rounds)]


def _sent_alone(records: int, send: Callable[..., Cost], *arguments: Any) -> Cost:
    """The cost of sending to the stub in a process of its own."""
    progress(f"{send.__name__}: {records:,} orders")
    with running_stub() as stub, new_process(environment(stub.port)) as process, counted(stub, records):
        return process.submit(send, *arguments).result()


def report(results: dict[str, Any]) -> Iterator[str]:
    """A table for each endpoint, the memory, and the files."""
    for endpoint in dict.fromkeys(one["endpoint"] for one in results["rates"]):
        rates = [one for one in results["rates"] if one["endpoint"] == endpoint]
        yield table(
            f"{rates[0]['records']:,} records, one by one, to {endpoint}; CPU is of a record",
            "| order | way | records/s | CPU µs | rate / raw's | ± | by CPU | ± |",
            "| {size} B | {way} | {per_second:,.0f} | {cpu_us:.1f} "
            "| {share:.0%} | {share_spread:.0%} | {cpu_share:.0%} | {cpu_share_spread:.0%} |",
            rates,
        )
    yield table(
        "Memory of one process that sends",
        "| records | at the start MB | at most MB |",
        "| {records:,} | {start_mb:.0f} | {peak_mb:.0f} |",
        results["memory"],
    )
    yield table(
        "orders send FILE",
        "| file | lines | CPU µs a line | lines/s | at most MB |",
        "| {kind} | {lines:,} | {us_a_line:.1f} | {per_second:,.0f} | {peak_mb:.0f} |",
        results["files"],
    )
    yield targets(
        (_TARGET.format_map(one), one["share"], "≥", 0.8, "{:.0%}")
        for one in results["rates"]
        if one["way"] != "raw"
    )
    sentence = (
        "One line alone takes {start_ms:.0f} ms of CPU, not included in the µs a line, and {start_mb:.0f} MB."
    )
    yield sentence.format_map(results["files"][0])
