"""Compare provisioned shards with on-demand: the cheaper mode, and the rate and peak where it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count, pairwise

from orderstream.capacity.demand import MOST_ORDERS_A_SECOND, Demand, Mode, Options
from orderstream.capacity.reference_data import ReferenceData
from orderstream.capacity.sizing import compute_sizing
from orderstream.capacity.stream import shards_per_order, shards_per_order_with_lanes

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


def cheaper(demand: Demand, choices: Options, figures: ReferenceData) -> Mode:
    """The mode with the lower bill; shards if equal."""
    shards = compute_sizing("shards", demand, choices, figures).bill.total
    return (
        "shards"
        if shards <= compute_sizing("on-demand", demand, choices, figures).bill.total
        else "on-demand"
    )


def compare(demand: Demand, choices: Options, figures: ReferenceData) -> Comparison:
    """Compare both modes, and find where the cheaper one changes.

    Between two rates at which either mode gets another shard, the bills are smooth. So it is enough to
    compare the ends of each such interval, and to bisect those at whose ends different modes are cheaper.
    """
    factor = demand.peak / demand.rate

    def at_rate(rate: Decimal) -> Mode:
        return cheaper(replace(demand, rate=rate, peak=rate * factor), choices, figures)

    changes: list[Decimal] = []
    low = at = at_rate(_SLIGHTLY)
    for begin, end in pairwise(_edges(demand, choices, figures)):
        for here, there in (
            (begin * (1 - _SLIGHTLY), begin * (1 + _SLIGHTLY)),
            (begin * (1 + _SLIGHTLY), end),
        ):
            then = at_rate(there)
            if then != at:
                changes.append(_change(at_rate, here, there))
                at = then
    return Comparison(
        shards_dollars=compute_sizing("shards", demand, choices, figures).bill.total,
        on_demand_dollars=compute_sizing("on-demand", demand, choices, figures).bill.total,
        cheaper=cheaper(demand, choices, figures),
        low=low,
        high=at,
        first=changes[0] if changes else None,
        last=changes[-1] if changes else None,
        peak_factor=_peak_factor(demand, choices, figures),
    )


def _edges(demand: Demand, choices: Options, figures: ReferenceData) -> Iterator[Decimal]:
    """Increasing rates between which neither mode gets another shard, as far as such steps matter."""
    factor = demand.peak / demand.rate
    shards = factor * (1 + choices.headroom) * shards_per_order_with_lanes(demand, choices, figures)
    on_demand = factor * shards_per_order(demand.size, figures)
    most = MOST_ORDERS_A_SECOND / factor
    far = min(most, _EVERY_STEP / min(shards, on_demand))
    edges = {_SLIGHTLY}
    for each in (shards, on_demand):
        for number in count(1):
            if number / each > far:
                break
            edges.add(number / each)
    yield from sorted(edges)
    rate = far * _BEYOND
    while rate < most:
        yield rate
        rate *= _BEYOND


def _change(mode_at: Callable[[Decimal], Mode], low: Decimal, high: Decimal) -> Decimal:
    """The rate between `low` and `high` where the cheaper mode changes, to within a millionth."""
    before = mode_at(low)
    while high - low > high * _SLIGHTLY:
        middle = (low + high) / 2
        if mode_at(middle) == before:
            low = middle
        else:
            high = middle
    return high


def _peak_factor(demand: Demand, choices: Options, figures: ReferenceData) -> Decimal | None:
    def at_factor(factor: Decimal) -> Mode:
        return cheaper(replace(demand, peak=demand.rate * factor), choices, figures)

    if at_factor(Decimal(1)) == "on-demand":
        return Decimal(1)
    highest = min(_HIGHEST_FACTOR, MOST_ORDERS_A_SECOND / demand.rate)
    if at_factor(highest) == "shards":
        return None
    return _change(at_factor, Decimal(1), highest)
