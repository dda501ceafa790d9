"""Compare a plan with AWS quotas: what it needs of each, and the rate above which each is exceeded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

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


@dataclass(frozen=True)
class _Rule:
    name: str
    unit: str
    limit: int
    needed: Callable[[Sizing], Decimal | int]
    # The value to request, if above what is needed; None means that the limit cannot be raised.
    wanted: Callable[[Sizing], Decimal | int] | None
    remedy: str


def quotas(of: Sizing, given: PlanInput) -> tuple[Quota, ...]:
    """All quotas that apply to this sizing, the first to be exceeded at the front."""
    found = [_quota(rule, of, given) for rule in _rules(of, given)]
    return tuple(sorted(found, key=lambda one: (one.breaks_at is None, one.breaks_at)))


def _rules(of: Sizing, given: PlanInput) -> Iterator[_Rule]:
    figures, options = given.figures, given.options
    kinesis = figures.kinesis_limits
    yield _Rule(
        "Lambda: concurrent executions of the account",
        "executions",
        figures.lambda_limits.concurrency,
        lambda one: one.function.peak.running,
        # After an outage all lanes run at once.
        lambda one: one.function.lanes,
        "Service Quotas, Lambda, Concurrent executions",
    )
    yield _Rule(
        "DynamoDB: writes to one on-demand table",
        "write units/s",
        figures.dynamodb_limits.table_writes,
        lambda one: one.table.peak_units,
        lambda one: one.table.peak_units * (1 + options.headroom),
        "Service Quotas, DynamoDB, Table-level write throughput; each index has as much",
    )
    if options.layout == "batch":
        yield _Rule(
            "S3: PUTs to the prefix of an hour",
            "PUTs/s",
            figures.s3_limits.prefix_puts,
            lambda one: one.function.peak.batches_per_second,
            None,
            "a longer BatchWindowSeconds makes fewer, larger objects",
        )
    else:
        yield _Rule(
            f"S3: PUTs to the prefix {ORDERS}",
            "PUTs/s",
            figures.s3_limits.prefix_puts,
            lambda one: one.table.peak_units / one.table.units_per_order,
            None,
            "ArchiveLayout=batch; S3 divides a busy prefix, but answers 503 until it has",
        )
    if options.maintenance != "none":
        yield _Rule(
            "Lambda: time for the maintenance of an hour",
            "seconds",
            figures.maintenance.timeout_seconds,
            lambda one: one.archive.maintenance_seconds_at_peak,
            None,
            "a longer BatchWindowSeconds makes fewer objects; else ArchiveMaintenance=none, and orders "
            "archive compact on a machine",
        )
    if of.stream.mode == "shards":
        yield _Rule(
            "Kinesis: shards of the account",
            "shards",
            kinesis.shards,
            lambda one: one.stream.shards,
            lambda one: one.stream.shards,
            "Service Quotas, Kinesis, Shards per Region; outside us-east-1, us-west-2, eu-west-1 it is "
            f"{kinesis.shards_elsewhere:,} or 6,000",
        )
    else:
        yield _Rule(
            "Kinesis: bytes into one on-demand stream",
            "bytes/s",
            kinesis.on_demand_bytes,
            lambda one: one.stream.peak_bytes_per_second,
            None,
            "shards, or several streams; outside us-east-1, us-west-2 and eu-west-1 it is "
            f"{kinesis.on_demand_bytes_elsewhere // 1_000_000} MB/s until AWS raises it",
        )


def _quota(rule: _Rule, of: Sizing, given: PlanInput) -> Quota:
    def needed_at(rate: Decimal) -> Decimal:
        return Decimal(rule.needed(compute_sizing(of.stream.mode, given.at(rate))))

    breaks_at, needed = None, Decimal(rule.needed(of))
    edge = _edge(needed_at, rule.limit, given)
    if edge is not None:
        breaks_at, above = edge
        if breaks_at < given.demand.rate:
            needed = max(needed, needed_at(above))
    wanted = max(needed, rule.wanted(of)) if rule.wanted else 0
    return Quota(
        name=rule.name,
        unit=rule.unit,
        limit=Decimal(rule.limit),
        needed=needed,
        breaks_at=breaks_at,
        can_be_raised=rule.wanted is not None,
        ask=ceiling(Decimal(wanted)) if wanted > rule.limit else 0,
        remedy=rule.remedy,
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
