"""What a stack costs without orders, and the settings with which that is least."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from orderstream.capacity.demand import Mode, Options, PlanInput
from orderstream.capacity.parameters import parameters
from orderstream.capacity.sizing import compute_sizing

# An order in twelve days: a plan calculates with a rate above 0.
IDLE_RATE = Decimal("0.000001")
_NAMES = ("ShardCount", "RetentionHours", "ShardMetrics")


@dataclass(frozen=True)
class IdleCost:
    """US dollars a month without orders: with a plan's options, with the template's defaults, and the least.

    `least_with_free_tier_dollars` is without what CloudWatch's free tier covers for ever.
    """

    dollars: Decimal
    default_dollars: Decimal
    least_dollars: Decimal
    least_with_free_tier_dollars: Decimal
    least_parameters: dict[str, str]


def idle_cost(mode: Mode, given: PlanInput) -> IdleCost:
    """What the plan's stack costs without orders, in the same mode of the stream."""
    idle = given.at(IDLE_RATE)
    usual = Options(retention_hours=24, shard_metrics=False)
    least = replace(idle, options=usual)
    modes: tuple[Mode, ...] = ("shards", "on-demand")
    of = min((compute_sizing(each, least) for each in modes), key=lambda one: one.bill.total)
    return IdleCost(
        dollars=compute_sizing(mode, idle).bill.total,
        default_dollars=compute_sizing("on-demand", replace(idle, options=Options())).bill.total,
        least_dollars=of.bill.total,
        least_with_free_tier_dollars=of.bill.total - _free(least),
        least_parameters={name: parameters(of, usual)[name] for name in _NAMES},
    )


def _free(given: PlanInput) -> Decimal:
    one, price = given.figures.bytes, given.figures.cloudwatch_prices
    metrics = min(price.free_metrics, one.metrics + one.mapping_metrics) * price.metric_month
    alarms = min(price.free_alarms, one.alarm_metrics) * price.alarm_metric_month
    return metrics + alarms + min(price.free_dashboards, one.dashboards) * price.dashboard_month
