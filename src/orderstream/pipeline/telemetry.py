"""JSON log lines about an invocation, with metrics in CloudWatch's embedded metric format.

They never contain a payload or a customer id (G8).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from orderstream.pipeline.process import BatchResult
from orderstream.pipeline.records import Record

NAMESPACE = "Orderstream"
LATENCY = "ArrivalToStored"
REVENUE = "Revenue"
# CloudWatch accepts at most 100 values of a metric in a line.
MAX_VALUES = 100
MAX_PROBLEMS = 5

_JSON = msgspec.json.Encoder(decimal_format="number")

# Unit and meaning of each metric. There is one data point of each for every batch.
METRICS = {
    "Received": ("Count", "records, so its average is the size of a batch"),
    "Stored": ("Count", "orders that are new in the table"),
    "Late": ("Count", "stored orders that took longer than `LatencyObjectiveSeconds` from arrival to stored"),
    "Duplicates": ("Count", "orders that were already stored with the same content"),
    "Conflicts": ("Count", "orders whose id is taken by other content; they are in quarantine"),
    "Invalid": (
        "Count",
        "records that are not valid orders, or that the table refuses; they are in quarantine",
    ),
    "Failed": ("Count", "records that failed and will be redelivered; they then count as received again"),
    "ArchiveBytes": ("Bytes", "bytes written to the archive"),
    LATENCY: (
        "Milliseconds",
        "for each order; for more than a hundred, a hundred with the same distribution",
    ),
    REVENUE: ("None", "the sum of the amounts of the orders that are new in the table, for each currency"),
}


def log_line(
    report: BatchResult,
    records: Sequence[Record],
    *,
    stack: str,
    objective_seconds: int,
    request_id: str,
    cold: bool,
    now: datetime,
) -> str:
    """The log line of an invocation; CloudWatch extracts its metrics from the log (EMF).

    Received = Stored + Duplicates + Conflicts + Invalid + Failed. Late counts the stored orders that took
    longer than `objective_seconds` from arrival to stored.
    """
    first, last = (records[0], records[-1]) if records else (None, None)
    fields: dict[str, Any] = {
        "Stack": stack,
        "Received": report.received,
        "Stored": report.stored,
        "Late": sum(latency > objective_seconds * 1000 for latency in report.latencies),
        "Duplicates": report.duplicates,
        "Conflicts": report.conflicts,
        "Invalid": report.invalid,
        "Failed": report.failed_records,
        "ArchiveBytes": report.archived_bytes,
    }
    if report.latencies:
        fields[LATENCY] = sample(report.latencies)
    units = {name: METRICS[name][0] for name in fields if name in METRICS}
    fields |= {
        "request_id": request_id,
        "shard_id": first.shard_id if first else None,
        "first_sequence_number": first.sequence_number if first else None,
        "last_sequence_number": last.sequence_number if last else None,
        "objects": report.objects,
        "failed_from": report.failed[0] if report.failed else None,
        "cold_start": cold,
        "problems": report.problems[:MAX_PROBLEMS],
    }
    return emf_line(fields, units, now)


def revenue_lines(revenue: Mapping[str, Decimal], *, stack: str, now: datetime) -> Iterator[str]:
    """A line for each currency, with its sum: a dimension has one value per line.

    The sum of a batch with one order is that order's amount, so the line contains nothing that identifies the
    batch.
    """
    for currency, amount in revenue.items():
        fields = {"Stack": stack, "Currency": currency, REVENUE: amount}
        yield emf_line(fields, {REVENUE: METRICS[REVENUE][0]}, now, dimensions=("Stack", "Currency"))


def emf_line(
    fields: dict[str, Any],
    units: dict[str, str],
    now: datetime,
    *,
    dimensions: Sequence[str] = ("Stack",),
) -> str:
    """A JSON line with these fields; CloudWatch makes those in `units` metrics with `dimensions`."""
    metrics = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    about = {
        "Timestamp": int(now.timestamp() * 1000),
        "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics}],
    }
    return _JSON.encode(fields | {"_aws": about}).decode()


def sample(values: Sequence[int]) -> list[int]:
    """At most MAX_VALUES values with the same distribution: all of them, or evenly spaced quantiles."""
    ordered = sorted(values)
    if len(ordered) <= MAX_VALUES:
        return ordered
    step = len(ordered) / MAX_VALUES
    # The last one is the largest: the slowest order of a batch must stay visible in the maximum.
    return [ordered[int((number + 0.5) * step)] for number in range(MAX_VALUES - 1)] + [ordered[-1]]
