"""The producer beside the plain use of the SDK, its memory, and `orders send` of files up to a million lines.

`python -m bench.producer` prints the tables. All ways of sending get the same orders, in turn, in one process
and one run; a share is the median over the rounds of (raw's time / its own). The stub tells how many records
came, and judges whether the calls were signed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from bench.events import SIZES
from bench.processes import Answering, Stub, processors
from bench.request_checks import ACCESS_KEY, REGION, SECRET_KEY, SESSION_TOKEN
from bench.sender import STREAM, orders
from orderstream.aws.clients import AwsClients
from orderstream.deploy.artifact import PROJECT
from orderstream.errors import OrderstreamError
from orderstream.local.ministack import MiniStack, free_port

WAYS = ("raw", "send_json", "send_bytes", "send")
COUNTS = (10_000, 100_000, 1_000_000)
# MiniStack takes far longer for a record than its client.
MINISTACK_SHARE = 0.2
# Of the calls of a long job so many are kept whole by the stub, to be judged.
KEPT = 100

Progress = Callable[[str], None]


class Sender(Answering):
    """A process of `bench.sender`."""

    def __init__(self, port: int) -> None:
        super().__init__([sys.executable, "-m", "bench.sender", str(processors()[0])], port, PROJECT)

    def do(self, how: str, **job: Any) -> dict[str, float]:
        """What the job cost. Raises OrderstreamError when it was not done."""
        return self.ask(json.dumps({"how": how, **job}))


def measure(
    *,
    records: int,
    rounds: int,
    progress: Progress,
    sizes: Sequence[int] = SIZES,
    counts: Sequence[int] = COUNTS,
) -> dict[str, Any]:
    """All of it, in lists of dicts.

    `rates`: of each way at each size and endpoint. `shares`: of raw's rate, for the targets. `memory`: of a
    process that sends so many records. `files`: `orders send`, µs a line beyond what one line alone takes.
    """
    with Stub() as stub:
        rates = [one for size in sizes for one in _rates(stub, size, records, rounds, progress)]
        with _ministack() as emulator:
            few = max(500, int(records * MINISTACK_SHARE))
            for size in sizes:
                rates += _rates(emulator, size, few, rounds, progress)
        memory = [_memory(stub, count, progress) for count in counts]
        files = [one for kind in ("ndjson", "csv") for one in _files(stub, kind, counts, rounds, progress)]
    shares = [
        {"label": f"{one['way']}, {one['size']} B, {one['endpoint']}", "share": one["share"]}
        for one in rates
        if one["way"] != "raw"
    ]
    return {"rates": rates, "shares": shares, "memory": memory, "files": files}


class Emulator(NamedTuple):
    """MiniStack: where it listens, and a client's view of it."""

    port: int
    cloud: AwsClients


@contextmanager
def _ministack() -> Iterator[Emulator]:
    with tempfile.TemporaryDirectory() as folder:
        with MiniStack(port=free_port(), token=SESSION_TOKEN, work_dir=Path(folder)) as running:
            cloud = AwsClients(
                running.endpoint_url,
                REGION,
                access_key=ACCESS_KEY,
                secret_key=SECRET_KEY,
                session_token=SESSION_TOKEN,
            )
            yield Emulator(running.port, cloud)


def _rates(
    endpoint: Stub | Emulator, size: int, records: int, rounds: int, progress: Progress
) -> list[dict[str, Any]]:
    """Each way in each round; the first round warms up and does not count."""
    name = "the stub" if isinstance(endpoint, Stub) else "MiniStack"
    costs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with Sender(endpoint.port) as sender:
        for number in range(rounds + 1):
            for way in WAYS:
                progress(f"{records:,} orders of {size} B to {name}: {way}, round {number}")
                with counted(endpoint, records, keep=1):
                    cost = sender.do(way, size=size, records=records)
                if number:
                    costs[way].append(cost)
    return [
        {
            "endpoint": name,
            "size": size,
            "way": way,
            "records": records,
            "rounds": rounds,
            "per_second": records / median(one["wall"] for one in costs[way]),
            "cpu_us": median(one["cpu"] for one in costs[way]) / records * 1e6,
            **_share(costs["raw"], costs[way], "wall", "share"),
            **_share(costs["raw"], costs[way], "cpu", "cpu_share"),
        }
        for way in WAYS
    ]


def _share(
    raw: list[dict[str, float]], own: list[dict[str, float]], what: str, name: str
) -> dict[str, float]:
    found = [one[what] / other[what] for one, other in zip(raw, own, strict=True)]
    return {name: median(found), f"{name}_spread": (max(found) - min(found)) / median(found)}


@contextmanager
def counted(endpoint: Stub | Emulator, records: int, *, keep: int) -> Iterator[None]:
    """Raises OrderstreamError unless so many records came meanwhile, in calls that are signed."""
    if not isinstance(endpoint, Stub):
        # The sender looks at the answers. A stream of its own each time: MiniStack slows down as it fills.
        endpoint.cloud.kinesis.create_stream(StreamName=STREAM, ShardCount=1)
        yield
        endpoint.cloud.kinesis.delete_stream(StreamName=STREAM)
        return
    endpoint.begin(keep=keep)
    yield
    asked = endpoint.asked()
    if asked["records"] != records or asked["faults"] or not asked["requests"]:
        raise OrderstreamError(f"{asked['records']:,} of {records:,} records came; {asked['faults']}")


def _memory(stub: Stub, records: int, progress: Progress) -> dict[str, Any]:
    progress(f"memory of {records:,} orders")
    with Sender(stub.port) as sender, counted(stub, records, keep=KEPT):
        cost = sender.do("stream", size=SIZES[0], records=records)
    return {"records": records, "start_mb": cost["start_mb"], "peak_mb": cost["peak_mb"]}


def _files(
    stub: Stub, kind: str, counts: Sequence[int], rounds: int, progress: Progress
) -> Iterator[dict[str, Any]]:
    """`orders send` of files with so many lines, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"orders.{kind}"

        def sent(lines: int) -> dict[str, float]:
            with Sender(stub.port) as sender, counted(stub, lines, keep=KEPT):
                return sender.do("file", file=str(file))

        progress(f"orders send of a {kind} file: 1 line")
        _write(file, 1)
        ones = [sent(1) for _ in range(rounds)]
        one = median(cost["cpu"] for cost in ones)
        for lines in counts:
            progress(f"orders send of a {kind} file: {lines:,} lines")
            _write(file, lines)
            # The short ones are over before anything evens out.
            costs = [sent(lines) for _ in range(rounds if lines < 100_000 else 1)]
            yield {
                "kind": kind,
                "lines": lines,
                "start_ms": one * 1e3,
                "start_mb": max(cost["peak_mb"] for cost in ones),
                "us_a_line": (median(cost["cpu"] for cost in costs) - one) / lines * 1e6,
                "per_second": lines / median(cost["wall"] for cost in costs),
                "peak_mb": max(cost["peak_mb"] for cost in costs),
            }


def _write(file: Path, lines: int) -> None:
    with file.open("wb") as out:
        is_csv = file.suffix == ".csv"
        if is_csv:
            out.write(b"order_id,customer_id,amount\n")
        for order in itertools.islice(orders(SIZES[0]), lines):
            # The values of the small orders have no commas.
            out.write(b",".join(_values(order)) if is_csv else order)
            out.write(b"\n")


def _values(order: bytes) -> Iterator[bytes]:
    return (pair.partition(b":")[2].strip(b'"') for pair in order.strip(b"{}").split(b","))


def show(results: dict[str, Any], console: Console) -> None:
    """The tables of what `measure` found."""
    for endpoint in dict.fromkeys(one["endpoint"] for one in results["rates"]):
        rates = [one for one in results["rates"] if one["endpoint"] == endpoint]
        table = _table(
            f"{rates[0]['records']:,} records, one by one, to {endpoint}; CPU is of a record",
            *("order", "way", "records/s", "CPU µs", "rate / raw's", "±", "by CPU", "±"),
        )
        for one in rates:
            table.add_row(
                f"{one['size']} B",
                one["way"],
                f"{one['per_second']:,.0f}",
                f"{one['cpu_us']:.1f}",
                f"{one['share']:.0%}",
                f"{one['share_spread'] / 2:.0%}",
                f"{one['cpu_share']:.0%}",
                f"{one['cpu_share_spread'] / 2:.0%}",
            )
        console.print(table)
    table = _table("Memory of one process that sends", "records", "at the start MB", "at most MB")
    for one in results["memory"]:
        table.add_row(f"{one['records']:,}", f"{one['start_mb']:.0f}", f"{one['peak_mb']:.0f}")
    console.print(table)
    table = _table("orders send FILE", "file", "lines", "CPU µs a line", "lines/s", "at most MB")
    for one in results["files"]:
        numbers = f"{one['us_a_line']:.1f}", f"{one['per_second']:,.0f}", f"{one['peak_mb']:.0f}"
        table.add_row(one["kind"], f"{one['lines']:,}", *numbers)
    console.print(table)
    first = results["files"][0]
    console.print(
        f"One line alone takes {first['start_ms']:.0f} ms of CPU, which is not in the µs a line, "
        f"and {first['start_mb']:.0f} MB."
    )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for column in columns:
        is_text = column in ("order", "way", "file")
        table.add_column(column, no_wrap=True, justify="left" if is_text else "right")
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.producer", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="records of a round (default 100,000)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count (default 7)")
    parser.add_argument("--size", type=int, choices=SIZES, nargs="*", default=SIZES)
    parser.add_argument("--counts", type=int, nargs="*", default=COUNTS, help="of the memory and the files")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with Console(stderr=True).status("") as status:
        results = measure(
            records=options.records,
            rounds=options.rounds,
            progress=status.update,
            sizes=options.size,
            counts=options.counts,
        )
    if options.json:
        print(json.dumps(results, indent=1))
    else:
        show(results, Console())


if __name__ == "__main__":
    main()
