"""Compare provisioned shards with on-demand: the cheaper mode, and the rate and peak where it changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count, pairwise

from orderstream.capacity.demand import MOST_ORDERS_A_SECOND, Mode, Options, PlanInput
from orderstream.capacity.feed import announced
from orderstream.capacity.sizing import boundary, compute_sizing
from orderstream.capacity.stream import shards_per_order_with_lanes

# Up to this many shards, every step to the next shard is examined. Beyond it, a shard is at most a fortieth
# of the stream, and rates are examined in steps of a tenth.
_EVERY_STEP = 40
_BEYOND = Decimal("1.1")
_SLIGHTLY = Decimal("0.000001")
_HIGHEST_FACTOR = Decimal(1000)


@dataclass(frozen=True)
class Comparison:
    """The total cost of both modes for this demand, in US dollars a month, and where the cheaper one changes.

    By average rate (orders a second, with the peak in proportion), `low` is the cheaper mode up to `first`,
    and `high` above `last`. In between it depends on how full the last shard is. `first` and `last` are None
    if one mode is always cheaper. `peak_factor` is the factor from which on-demand is cheaper at this
    demand's rate: 1 if always, None if never.
    """

    shards_dollars: Decimal
    on_demand_dollars: Decimal
    cheaper: Mode
    low: Mode
    high: Mode
    first: Decimal | None
    last: Decimal | None
    peak_factor: Decimal | None


def _dollars(given: PlanInput) -> dict[Mode, Decimal]:
    modes: tuple[Mode, ...] = ("shards", "on-demand")
    return {mode: compute_sizing(mode, given).bill.total for mode in modes}


def cheaper(given: PlanInput) -> Mode:
    """The mode with the lower bill; shards if equal."""
    dollars = _dollars(given)
    return min(dollars, key=lambda mode: dollars[mode])


def compare(given: PlanInput) -> Comparison:
    """Compare both modes, and find where the cheaper one changes.

    Between two rates at which either mode gets another shard, the bills are smooth. So it is enough to
    compare the ends of each such interval, and to bisect those at whose ends different modes are cheaper.
    The tables cost the same in both.
    """
    dollars = _dollars(given)
    given = replace(given, options=replace(given.options, table_billing=Options().table_billing))

    def stays(rate: Decimal) -> bool:
        return cheaper(given.at(rate)) == at

    changes: list[Decimal] = []
    low = at = cheaper(given.at(_SLIGHTLY))
    for begin, end in pairwise(_edges(given)):
        before, after = begin * (1 - _SLIGHTLY), begin * (1 + _SLIGHTLY)
        for here, there in ((before, after), (after, end)):
            then = cheaper(given.at(there))
            if then != at:
                changes.append(boundary(stays, here, there)[1])
                at = then
    return Comparison(
        shards_dollars=dollars["shards"],
        on_demand_dollars=dollars["on-demand"],
        cheaper=cheaper(given),
        low=low,
        high=at,
        first=changes[0] if changes else None,
        last=changes[-1] if changes else None,
        peak_factor=_peak_factor(given),
    )


def _edges(given: PlanInput) -> Iterator[Decimal]:
    """Increasing rates between which neither mode gets another shard, as far as such steps matter."""
    factor = given.demand.peak / given.demand.rate
    shards = factor * (1 + given.options.headroom) * shards_per_order_with_lanes(given)
    on_demand = factor * given.shards_per_order
    changes = factor * (1 + given.options.headroom) * announced(given).shards_per_order
    most = MOST_ORDERS_A_SECOND / factor
    far = min(most, _EVERY_STEP / min(shards, on_demand))
    edges = {_SLIGHTLY}
    for each in (shards, on_demand, *([changes] if given.options.feed else [])):
        for number in count(1):
            if number / each > far:
                break
            edges.add(number / each)
    yield from sorted(edges)
    rate = far * _BEYOND
    while rate < most:
        yield rate
        rate *= _BEYOND


def _peak_factor(given: PlanInput) -> Decimal | None:
    rate = given.demand.rate

    def is_on_shards(factor: Decimal) -> bool:
        return cheaper(replace(given, demand=replace(given.demand, peak=rate * factor))) == "shards"

    if not is_on_shards(Decimal(1)):
        return Decimal(1)
    highest = min(_HIGHEST_FACTOR, MOST_ORDERS_A_SECOND / rate)
    return None if is_on_shards(highest) else boundary(is_on_shards, Decimal(1), highest)[1]
