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

# One data point of each for every batch, so the average of Received is the size of a batch.
_COUNTS = ("Received", "Stored", "Late", "Duplicates", "Conflicts", "Invalid", "Failed")


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
    units = dict.fromkeys(_COUNTS, "Count") | {"ArchiveBytes": "Bytes"}
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
        units[LATENCY] = "Milliseconds"
        fields[LATENCY] = sample(report.latencies)
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
        yield emf_line(fields, {REVENUE: "None"}, now, dimensions=("Stack", "Currency"))


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
