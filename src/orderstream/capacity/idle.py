"""What a stack costs without orders, and with the parameter set for which that is least."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from orderstream.capacity.demand import Mode, Options, PlanInput
from orderstream.capacity.parameter_sets import SETS
from orderstream.capacity.sizing import compute_sizing

# An order in twelve days: a plan calculates with a rate above 0.
IDLE_RATE = Decimal("0.000001")
# The set that costs least, on one shard with essential monitoring.
LEAST_SET = "small"


@dataclass(frozen=True)
class IdleCost:
    """US dollars a month without orders: with a plan's options, with the template's defaults, and the least.

    The least is that of `least_parameters`, the set `small`. `least_with_free_tier_dollars` is without what
    CloudWatch's free tier covers for ever.
    """

    dollars: Decimal
    default_dollars: Decimal
    least_dollars: Decimal
    least_with_free_tier_dollars: Decimal
    least_parameters: dict[str, str]


def idle_cost(mode: Mode, given: PlanInput) -> IdleCost:
    """What the plan's stack costs without orders, in the same mode of the stream."""
    idle, values = given.at(IDLE_RATE), SETS[LEAST_SET]
    least = Options(
        retention_hours=int(values["RetentionHours"]),
        shard_metrics=values["ShardMetrics"] == "true",
        monitoring="essential",
    )
    of = compute_sizing("shards", replace(idle, options=least)).bill.total
    return IdleCost(
        dollars=compute_sizing(mode, idle).bill.total,
        default_dollars=compute_sizing("on-demand", replace(idle, options=Options())).bill.total,
        least_dollars=of,
        least_with_free_tier_dollars=of - _free(idle),
        least_parameters=dict(values),
    )


def _free(given: PlanInput) -> Decimal:
    """What the free tier covers of the metrics and the essential alarms."""
    one, price = given.figures.bytes, given.figures.cloudwatch_prices
    metrics = min(price.free_metrics, one.metrics + one.mapping_metrics) * price.metric_month
    return metrics + min(price.free_alarms, one.essential_alarm_metrics) * price.alarm_metric_month
