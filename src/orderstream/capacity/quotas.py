"""Compare a plan with AWS quotas: what it needs of each, and the rate above which each is exceeded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from orderstream.capacity.demand import MOST_ORDERS_A_SECOND, PlanInput
from orderstream.capacity.function import ceiling
from orderstream.capacity.sizing import Sizing, boundary, compute_sizing
from orderstream.domain.object_keys import ORDERS

# A lower rate at which a limit breaks is looked for down to this share of the limit, in these steps.
_NEARLY = Decimal("0.9")
_STEP = Decimal("0.99")


@dataclass(frozen=True)
class Quota:
    """A limit of AWS. `needed` is what the peak needs of it, or a lower rate on the way there, in its `unit`.

    `breaks_at` is the average rate (orders a second, with the peak in proportion) above which the peak needs
    more than the default; None if that is beyond any plan. `ask` is the value to request from AWS. It is 0 if
    the default is enough for the peak with headroom and for recovery, and for a limit that cannot be raised
    (`can_be_raised`). `remedy` describes what helps.
    """

    name: str
    unit: str
    limit: Decimal
    needed: Decimal
    breaks_at: Decimal | None
    can_be_raised: bool
    ask: int
    remedy: str

    @property
    def is_exceeded(self) -> bool:
        """Whether the peak needs more than the default."""
        return self.needed > self.limit


def quotas(of: Sizing, given: PlanInput) -> tuple[Quota, ...]:
    """All quotas that apply to this sizing, the first to be exceeded at the front."""
    return tuple(sorted(_quotas(of, given), key=lambda one: (one.breaks_at is None, one.breaks_at)))


def _quotas(of: Sizing, given: PlanInput) -> Iterator[Quota]:
    figures, options = given.figures, given.options
    kinesis = figures.kinesis_limits
    quota = partial(_quota, of, given)
    yield quota(
        "Lambda: concurrent executions of the account",
        "executions",
        figures.lambda_limits.concurrency,
        lambda one: one.function.peak.running,
        "Service Quotas, Lambda, Concurrent executions",
        # After an outage all lanes run at once.
        wanted=of.function.lanes,
    )
    yield quota(
        "DynamoDB: writes to one on-demand table",
        "write units/s",
        figures.dynamodb_limits.table_writes,
        lambda one: one.table.peak_units,
        "Service Quotas, DynamoDB, Table-level write throughput; each index has as much",
        wanted=of.table.peak_units * (1 + options.headroom),
    )
    if options.layout == "batch":
        yield quota(
            "S3: PUTs to the prefix of an hour",
            "PUTs/s",
            figures.s3_limits.prefix_puts,
            lambda one: one.function.peak.batches_per_second,
            "a longer BatchWindowSeconds makes fewer, larger objects",
        )
    else:
        yield quota(
            f"S3: PUTs to the prefix {ORDERS}",
            "PUTs/s",
            figures.s3_limits.prefix_puts,
            lambda one: one.table.peak_units / one.table.writes_per_order,
            "ArchiveLayout=batch; S3 divides a busy prefix, but answers 503 until it has",
        )
    if options.maintenance != "none":
        yield quota(
            "Lambda: time for the maintenance of an hour",
            "seconds",
            figures.maintenance.timeout_seconds,
            lambda one: one.archive.maintenance_seconds_at_peak,
            "a longer BatchWindowSeconds makes fewer objects; else ArchiveMaintenance=none, and orders "
            "archive compact on a machine",
        )
    if of.stream.mode == "shards":
        yield quota(
            "Kinesis: shards of the account",
            "shards",
            kinesis.shards,
            lambda one: one.stream.shards,
            "Service Quotas, Kinesis, Shards per Region; outside us-east-1, us-west-2, eu-west-1 it is "
            f"{kinesis.shards_elsewhere:,} or 6,000",
            wanted=of.stream.shards,
        )
    else:
        yield quota(
            "Kinesis: bytes into one on-demand stream",
            "bytes/s",
            kinesis.on_demand_bytes,
            lambda one: one.stream.peak_bytes_per_second,
            "shards, or several streams; outside us-east-1, us-west-2 and eu-west-1 it is "
            f"{kinesis.on_demand_bytes_elsewhere // 1_000_000} MB/s until AWS raises it",
        )


def _quota(
    of: Sizing,
    given: PlanInput,
    name: str,
    unit: str,
    limit: int,
    need: Callable[[Sizing], Decimal | int],
    remedy: str,
    wanted: Decimal | int | None = None,
) -> Quota:
    """A quota; `wanted` is the value to request, if above what is needed (None: it cannot be raised)."""

    def needed_at(rate: Decimal) -> Decimal:
        return Decimal(need(compute_sizing(of.stream.mode, given.at(rate))))

    breaks_at, needed = None, Decimal(need(of))
    edge = _edge(needed_at, limit, given)
    if edge is not None:
        breaks_at, above = edge
        if breaks_at < given.demand.rate:
            needed = max(needed, needed_at(above))
    ask = 0 if wanted is None else ceiling(Decimal(max(needed, wanted)))
    return Quota(
        name=name,
        unit=unit,
        limit=Decimal(limit),
        needed=needed,
        breaks_at=breaks_at,
        can_be_raised=wanted is not None,
        ask=ask if ask > limit else 0,
        remedy=remedy,
    )


def _edge(
    needed_at: Callable[[Decimal], Decimal], limit: int, given: PlanInput
) -> tuple[Decimal, Decimal] | None:
    """The highest rate below which a limit is enough, and one a millionth above; None if it always is."""

    def is_enough(rate: Decimal) -> bool:
        return needed_at(rate) <= limit

    rate = given.demand.rate
    highest = MOST_ORDERS_A_SECOND / (given.demand.peak / rate)
    if is_enough(highest):
        return None
    # Batches grow in steps, so somewhat more orders may need less: look for an edge further down.
    low, high = boundary(is_enough, Decimal(0), highest)
    if rate <= low and not is_enough(rate):
        low, high = boundary(is_enough, Decimal(0), rate)
    below = lowest = low
    while (needed := needed_at(below)) > limit * _NEARLY:
        lowest = below if needed > limit else lowest
        below *= _STEP
    if lowest < low:
        low, high = boundary(is_enough, below, lowest)
    # The demand itself may need the limit to the last unit.
    return (rate, high) if low < rate <= high and is_enough(rate) else (low, high)
