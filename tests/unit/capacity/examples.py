"""Builds the input of plans, and sizes it."""

from decimal import Decimal
from typing import Any

from orderstream.capacity.demand import Demand, Options, PlanInput
from orderstream.capacity.sizing import Sizing, compute_sizing

Number = int | str | Decimal


def plan_input(
    rate: Number,
    factor: Number = 1,
    size: int = 800,
    item_size: int | None = None,
    events: Number = 0,
    event_size: int = 150,
    **options: Any,
) -> PlanInput:
    """Orders of 800 bytes with the default options, unless said otherwise; the peak is `factor` × `rate`."""
    demand = Demand(
        Decimal(rate), Decimal(rate) * Decimal(factor), size, item_size, Decimal(events), event_size
    )
    return PlanInput(demand, Options(**options))


def sizing(rate: Number, factor: Number = 1, size: int = 800, **others: Any) -> Sizing:
    """The sizing of the same, on shards unless the options have another mode."""
    given = plan_input(rate, factor, size, **others)
    return compute_sizing(given.options.mode or "shards", given)
