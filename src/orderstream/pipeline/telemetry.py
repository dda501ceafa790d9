"""JSON log lines about an invocation, with metrics in CloudWatch's embedded metric format.

They never contain a payload or a customer id (G8).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from orderstream.pipeline.batch_result import BatchResult
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
    "Events": ("Count", "new events in the life of orders, such as `paid`"),
    "Duplicates": ("Count", "orders and events that were already stored with the same content"),
    "Conflicts": ("Count", "orders whose id is taken by other content; they are in quarantine"),
    "Invalid": (
        "Count",
        "records that are not valid orders, or that the table refuses; they are in quarantine",
    ),
    "Failed": ("Count", "records that failed and will be redelivered; they then count as received again"),
    "Waiting": ("Count", "new events whose order has not arrived"),
    "Forbidden": (
        "Count",
        "events that `TRANSITIONS` or the amounts forbid, less those that a late event has made possible",
    ),
    "ArchiveBytes": ("Bytes", "bytes written to the archive"),
    LATENCY: (
        "Milliseconds",
        "for each order; for more than a hundred, a hundred with the same distribution",
    ),
    REVENUE: ("None", "the sum of the amounts of the orders that are new in the table, for each currency"),
}


_OF_EVENTS = {"Events", "Waiting", "Forbidden"}


class LogLine(msgspec.Struct, kw_only=True):
    """The line that the function logs for each invocation; latencies in milliseconds.

    received = stored + events + duplicates + conflicts + invalid + failed. `late` counts the stored orders
    that took longer than the objective from arrival to stored.
    """

    stack: str = msgspec.field(name="Stack")
    received: int = msgspec.field(name="Received")
    stored: int = msgspec.field(name="Stored", default=0)
    late: int = msgspec.field(name="Late", default=0)
    events: int = msgspec.field(name="Events", default=0)
    duplicates: int = msgspec.field(name="Duplicates", default=0)
    conflicts: int = msgspec.field(name="Conflicts", default=0)
    invalid: int = msgspec.field(name="Invalid", default=0)
    failed: int = msgspec.field(name="Failed", default=0)
    waiting: int = msgspec.field(name="Waiting", default=0)
    forbidden: int = msgspec.field(name="Forbidden", default=0)
    archive_bytes: int = msgspec.field(name="ArchiveBytes", default=0)
    latencies: list[int] | msgspec.UnsetType = msgspec.field(name=LATENCY, default=msgspec.UNSET)
    request_id: str
    shard_id: str | None = None
    first_sequence_number: str | None = None
    last_sequence_number: str | None = None
    objects: list[str] = []
    failed_from: str | None = None
    cold_start: bool = False
    problems: list[str] = []
    emf: dict[str, Any] = msgspec.field(name="_aws")

    @property
    def logged_at(self) -> datetime:
        """When the invocation was done, in UTC, to the millisecond."""
        return datetime.fromtimestamp(self.emf["Timestamp"] / 1000, UTC)


_DECODER = msgspec.json.Decoder(LogLine)


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
    """The log line of an invocation; CloudWatch extracts its metrics from the log (EMF)."""
    absent = {REVENUE} if report.latencies else {REVENUE, LATENCY}
    if not report.events and not report.forbidden:
        # A metric costs money once it exists.
        absent |= _OF_EVENTS
    units = {name: unit for name, (unit, _) in METRICS.items() if name not in absent}
    line = LogLine(
        stack=stack,
        received=report.received,
        stored=report.stored,
        late=sum(latency > objective_seconds * 1000 for latency in report.latencies),
        events=report.events,
        duplicates=report.duplicates,
        conflicts=report.conflicts,
        invalid=report.invalid,
        failed=report.failed_records,
        waiting=report.waiting,
        forbidden=report.forbidden,
        archive_bytes=report.archived_bytes,
        latencies=sample(report.latencies) or msgspec.UNSET,
        request_id=request_id,
        shard_id=records[0].shard_id if records else None,
        first_sequence_number=records[0].sequence_number if records else None,
        last_sequence_number=records[-1].sequence_number if records else None,
        objects=report.objects,
        failed_from=report.failed[0] if report.failed else None,
        cold_start=cold,
        problems=report.problems[:MAX_PROBLEMS],
        emf=emf_metadata(units, now),
    )
    return _JSON.encode(line).decode()


def read_log_line(message: str) -> LogLine | None:
    """Parse a line of the function's log; None for one that is about no invocation, such as Lambda's own."""
    try:
        return _DECODER.decode(message)
    except msgspec.MsgspecError:
        return None


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
    return _JSON.encode(fields | {"_aws": emf_metadata(units, now, dimensions)}).decode()


def emf_metadata(
    units: Mapping[str, str], now: datetime, dimensions: Sequence[str] = ("Stack",)
) -> dict[str, Any]:
    """The `_aws` field of a line: the metrics and units that CloudWatch extracts, and when it was logged."""
    metrics = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    return {
        "Timestamp": int(now.timestamp() * 1000),
        "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics}],
    }


def sample(values: Sequence[int]) -> list[int]:
    """At most MAX_VALUES values with the same distribution: all of them, or evenly spaced quantiles."""
    ordered = sorted(values)
    if len(ordered) <= MAX_VALUES:
        return ordered
    step = len(ordered) / MAX_VALUES
    # The last one is the largest: the slowest order of a batch must stay visible in the maximum.
    return [ordered[int((number + 0.5) * step)] for number in range(MAX_VALUES - 1)] + [ordered[-1]]
