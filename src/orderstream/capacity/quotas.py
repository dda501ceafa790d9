"""Compare a plan with AWS quotas: what it needs of each, and the rate above which each is exceeded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from orderstream.capacity.demand import MOST_ORDERS_A_SECOND, Demand, Options
from orderstream.capacity.function import ceiling
from orderstream.capacity.reference_data import ReferenceData
from orderstream.capacity.sizing import Sizing, compute_sizing
from orderstream.domain.object_keys import ORDERS

_CLOSELY = Decimal("0.000001")


@dataclass(frozen=True)
class Quota:
    """A limit of AWS. `needed` is what the peak needs of it, in its `unit`.

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
    limit: Decimal
    needed: Callable[[Sizing], Decimal]
    # The value to request, if above what is needed; None means that the limit cannot be raised.
    wanted: Callable[[Sizing], Decimal] | None
    remedy: str


def quotas(of: Sizing, demand: Demand, choices: Options, figures: ReferenceData) -> tuple[Quota, ...]:
    """All quotas that apply to this sizing, the first to be exceeded at the front."""
    found = [_quota(rule, of, demand, choices, figures) for rule in _rules(of, demand, choices, figures)]
    return tuple(sorted(found, key=lambda one: (one.breaks_at is None, one.breaks_at)))


def _rules(of: Sizing, demand: Demand, choices: Options, figures: ReferenceData) -> list[_Rule]:
    limit = figures.limits
    more = 1 + choices.headroom
    rules = [
        _Rule(
            "Lambda: concurrent executions of the account",
            "executions",
            Decimal(limit.lambda_.concurrency),
            lambda one: one.function.peak.running,
            # After an outage all lanes run at once.
            lambda one: Decimal(one.function.lanes),
            "Service Quotas, Lambda, Concurrent executions",
        ),
        _Rule(
            "DynamoDB: writes to one on-demand table",
            "write units/s",
            Decimal(limit.dynamodb.table_writes),
            lambda one: one.table.peak_units,
            lambda one: one.table.peak_units * more,
            "Service Quotas, DynamoDB, Table-level write throughput; each index has as much",
        ),
    ]
    if choices.layout == "batch":
        rules.append(
            _Rule(
                "S3: PUTs to the prefix of an hour",
                "PUTs/s",
                Decimal(limit.s3.prefix_puts),
                lambda one: one.function.peak.batches_per_second,
                None,
                "a longer BatchWindowSeconds makes fewer, larger objects",
            )
        )
    else:
        rules.append(
            _Rule(
                f"S3: PUTs to the prefix {ORDERS}",
                "PUTs/s",
                Decimal(limit.s3.prefix_puts),
                lambda one: one.table.peak_units / one.table.units_per_order,
                None,
                "ArchiveLayout=batch; S3 divides a busy prefix, but answers 503 until it has",
            )
        )
    if choices.maintenance != "none":
        rules.append(
            _Rule(
                "Lambda: time for the maintenance of an hour",
                "seconds",
                Decimal(figures.measured.maintenance.timeout_seconds),
                lambda one: one.archive.maintenance_seconds_at_peak,
                None,
                "a longer BatchWindowSeconds makes fewer objects; else ArchiveMaintenance=none, and orders "
                "archive compact on a machine",
            )
        )
    if of.stream.mode == "shards":
        rules.append(
            _Rule(
                "Kinesis: shards of the account",
                "shards",
                Decimal(limit.kinesis.shards),
                lambda one: Decimal(one.stream.shards),
                lambda one: Decimal(one.stream.shards),
                "Service Quotas, Kinesis, Shards per Region; outside us-east-1, us-west-2, eu-west-1 it is "
                f"{limit.kinesis.shards_elsewhere:,} or 6,000",
            )
        )
    else:
        rules.append(
            _Rule(
                "Kinesis: bytes into one on-demand stream",
                "bytes/s",
                Decimal(limit.kinesis.on_demand_bytes),
                lambda one: one.stream.peak_bytes_per_second,
                None,
                "shards, or several streams; outside us-east-1, us-west-2 and eu-west-1 it is "
                f"{limit.kinesis.on_demand_bytes_elsewhere // 1_000_000} MB/s until AWS raises it",
            )
        )
    return rules


def _quota(rule: _Rule, of: Sizing, demand: Demand, choices: Options, figures: ReferenceData) -> Quota:
    needed = rule.needed(of)
    factor = demand.peak / demand.rate

    def needed_at(rate: Decimal) -> Decimal:
        scaled = replace(demand, rate=rate, peak=rate * factor)
        return rule.needed(compute_sizing(of.stream.mode, scaled, choices, figures))

    wanted = max(needed, rule.wanted(of)) if rule.wanted else Decimal(0)
    return Quota(
        name=rule.name,
        unit=rule.unit,
        limit=rule.limit,
        needed=needed,
        breaks_at=_breaks_at(needed_at, rule.limit, MOST_ORDERS_A_SECOND / factor),
        can_be_raised=rule.wanted is not None,
        ask=ceiling(wanted) if wanted > rule.limit else 0,
        remedy=rule.remedy,
    )


def _breaks_at(needed_at: Callable[[Decimal], Decimal], limit: Decimal, highest: Decimal) -> Decimal | None:
    """The rate above which more than `limit` is needed, to within a millionth."""
    low, high = Decimal(0), highest
    if needed_at(high) <= limit:
        return None
    while high - low > high * _CLOSELY:
        middle = (low + high) / 2
        if needed_at(middle) <= limit:
            low = middle
        else:
            high = middle
    return low
