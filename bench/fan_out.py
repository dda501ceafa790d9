"""How long does an order take from the stream to the function, polled and with enhanced fan-out?

`python -m bench.fan_out` prints both on the local cloud, with one shard and without a batch window, and
their ratio. Orders come at random moments, and seldom: a busy shard is polled more often.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from bench import sample_orders
from bench.end_to_end import Through
from bench.laptop import started
from orderstream.client import OrderProducer
from orderstream.ingest.samples import Sample
from orderstream.ingest.send import SendStats, simulate

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef, MetricTypeDef

ORDERS, RATE = 60, 1.0
# With what EnhancedFanOut the stack is deployed.
WAYS = {"polled": "false", "pushed": "true"}
_DAY = 86_400

Progress = Callable[[str], None]


def measure(
    orders: int = ORDERS,
    rate: float = RATE,
    ways: Sequence[str] = tuple(WAYS),
    progress: Progress = lambda step: None,
) -> dict[str, Any]:
    """Ms from an order's arrival to the call of the function, for each of the ways: `polled`, `pushed`."""
    found: dict[str, Any] = {"orders": orders, "rate": rate}
    for way in ways:
        parameters = {"EnhancedFanOut": WAYS[way], "BatchWindowSeconds": "0", "ShardCount": "1"}
        with started(progress, parameters) as through:
            progress(f"{orders} orders at {rate:g}/s, {way}")
            found[way] = _latency(through, orders, rate)
    return found


def _latency(through: Through, orders: int, rate: float) -> dict[str, float]:
    traffic = (Sample("order", data, key) for data, key in sample_orders.orders(orders, "seldom"))

    def send(producer: OrderProducer) -> None:
        simulate(producer, traffic, rate=rate, seconds=None, stop=threading.Event(), tally=SendStats())

    begin = datetime.now(UTC)
    batches = len(through.through(send, orders).log)
    while (ages := _ages(through, begin))["batches"] < batches:
        time.sleep(0.2)
    return ages


def _ages(through: Through, begin: datetime) -> dict[str, float]:
    """How old a batch's last order was when the function was called, since `begin`."""
    metric: MetricTypeDef = {
        "Namespace": "AWS/Lambda",
        "MetricName": "IteratorAge",
        "Dimensions": [{"Name": "FunctionName", "Value": through.laptop.deployment.function}],
    }
    queries: list[MetricDataQueryTypeDef] = [
        {"Id": name, "MetricStat": {"Metric": metric, "Period": _DAY, "Stat": stat}}
        for name, stat in (("batches", "SampleCount"), ("p50_ms", "p50"), ("p99_ms", "p99"))
    ]
    answer = through.laptop.cloud.cloudwatch.get_metric_data(
        MetricDataQueries=queries, StartTime=begin, EndTime=begin + timedelta(hours=1)
    )
    return {one["Id"]: one["Values"][0] if one["Values"] else 0 for one in answer["MetricDataResults"]}


def show(found: Mapping[str, Any], console: Console) -> None:
    """Print the table."""
    title = f"From arrival to the function, {found['orders']} orders at {found['rate']:g}/s"
    table = Table("", "batches", "p50 ms", "p99 ms", title=title)
    for way in WAYS:
        row = found[way]
        table.add_row(way, f"{row['batches']:.0f}", f"{row['p50_ms']:,.0f}", f"{row['p99_ms']:,.0f}")
    for column in table.columns[1:]:
        column.justify = "right"
    console.print(table)
    times = found["polled"]["p50_ms"] / found["pushed"]["p50_ms"]
    console.print(f"At the median {times:.1f} times less with enhanced fan-out.")


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    errors = Console(stderr=True)
    found = measure(options.orders, progress=lambda step: errors.print(step, style="dim"))
    if options.json:
        print(json.dumps(found))
    else:
        show(found, Console())


if __name__ == "__main__":
    main()
