"""The cheapest combination is the cheapest, keeps the promises, and says what each setting saves."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from orderstream.capacity.choices import Cheapest, bills, cheapest
from orderstream.capacity.demand import Options, PlanInput
from orderstream.capacity.idle import IDLE_RATE, idle_cost
from orderstream.capacity.parameter_sets import SETS
from orderstream.capacity.parameters import parameters
from orderstream.capacity.prices import HOURS_A_MONTH
from orderstream.capacity.sizing import bill_in, compute_sizing
from tests.unit.capacity.examples import plan_input, sizing

EXAMPLE = plan_input(1000, 3, 600)


def paid(given: PlanInput, what: str, month: int = 1) -> Decimal:
    found = bill_in(month, compute_sizing("shards", given), given)
    (entry,) = [one for one in found.entries if f"{one.service}, {one.what}" == what]
    return entry.dollars


def options(**settings: Any) -> PlanInput:
    """The example with these options."""
    return replace(EXAMPLE, options=replace(EXAMPLE.options, **settings))


@pytest.fixture(scope="module")
def found() -> Cheapest:
    return cheapest(EXAMPLE)


def test_the_cheapest_costs_less_than_half_after_three_years(found: Cheapest) -> None:
    first, year, last = (one.bill.total for one in found.bills)
    assert [one.month for one in found.bills] == [1, 12, 36]
    plain = bills(compute_sizing("shards", EXAMPLE), EXAMPLE)
    assert first <= 3000 < 4700 < plain[0].bill.total
    # The tables still grow.
    assert first <= year <= last <= plain[-1].bill.total / 2


def test_no_other_combination_is_cheaper(found: Cheapest) -> None:
    chosen = sum(one.bill.total for one in found.bills if one.month != 12)
    for settings in (
        {"table_billing": "on-demand"},
        {"index_projection": "all"},
        {"table_class": "standard"},
        {"glacier_days": 0},
        {"table_billing": "on-demand", "table_class": "standard"},
    ):
        other = replace(EXAMPLE, options=replace(found.options, **settings))
        of = compute_sizing("shards", other)
        assert of.bill.total + bill_in(36, of, other).total >= chosen


def test_a_setting_saves_what_the_bill_without_it_is_higher(found: Cheapest) -> None:
    by_name = {one.parameter: one for one in found.choices}
    # Dearer writes are paid back by the storage of later months.
    assert by_name["TableClass"].is_chosen and by_name["TableClass"].saves < 0
    without = replace(EXAMPLE, options=replace(found.options, table_class="standard"))
    more = bill_in(36, compute_sizing("shards", without), without).total - found.bills[-1].bill.total
    assert by_name["TableClass"].saves_last == more > 10_000


def test_promises_are_kept() -> None:
    found = cheapest(options(maintenance="compact", longest_wait_seconds=10))
    assert found.options.has_index
    assert found.sizing.table.capacity and found.sizing.table.capacity.scaling.wait_seconds <= 10
    assert found.options.maintenance == "compact"
    without = cheapest(options(has_index=False))
    assert "IndexProjection" not in [one.parameter for one in without.choices]
    assert parameters(without.sizing, without.options)["CustomerIndex"] == "false"


def test_without_orders_nothing_is_chosen() -> None:
    found = cheapest(plan_input(IDLE_RATE))
    assert not [one.parameter for one in found.choices if one.is_chosen]
    assert found.waits == ()


def test_a_provisioned_table_pays_for_its_mean_capacity(found: Cheapest) -> None:
    capacity = sizing(1000, 3, 600, table_billing="provisioned").table.capacity
    assert capacity
    # A unit each for the table and its index, and one each for the two tables that are empty.
    assert capacity.write_units == 2 * 1000 * Decimal(str(capacity.scaling.mean)) + 2
    given = options(table_billing="provisioned")
    expected = capacity.write_units * Decimal("0.00065") * HOURS_A_MONTH
    assert paid(given, "DynamoDB, writes, provisioned") == round(expected, 2)
    dearer = options(table_billing="provisioned", table_class="infrequent-access")
    assert paid(dearer, "DynamoDB, writes, provisioned") == round(expected * Decimal("1.25"), 2)
    values = parameters(found.sizing, found.options)
    assert int(values["TableWriteMinimum"]) < 1000 / int(values["TableUtilization"]) * 100
    assert int(values["TableWriteMaximum"]) > 3000


def test_events_need_capacity_of_their_own() -> None:
    given = plan_input(10, 1, events=4, table_billing="provisioned", index_projection="keys")
    of = compute_sizing("shards", given)
    assert of.table.capacity and of.table.capacity.event_write_minimum > 10
    values = parameters(of, given.options)
    assert values["EventWriteMinimum"] == str(of.table.capacity.event_write_minimum)
    # An event changes no key of the index.
    everything = sizing(10, 1, events=4).table
    assert everything.events_billed_per_order - of.table.events_billed_per_order == 4


def test_orders_stay_in_the_table() -> None:
    whole = paid(EXAMPLE, "DynamoDB, storage")
    assert paid(EXAMPLE, "DynamoDB, storage", 36) == pytest.approx(whole * 36, abs=Decimal("0.2"))


def test_only_large_objects_go_to_glacier() -> None:
    small, large = options(glacier_days=30), options(glacier_days=30, maintenance="compact")
    lines = [one.what for one in bill_in(36, compute_sizing("shards", small), small).entries]
    assert "storage in Glacier Instant Retrieval" not in lines
    one = compute_sizing("shards", large).archive.compacted_gb
    # All but the last thirty days, and the moves of a month's 730 objects.
    cold = one * (36 - 30 / (Decimal(730) / 24)) * Decimal("0.004") + Decimal("0.0146")
    assert paid(large, "S3, storage in Glacier Instant Retrieval", 36) == round(cold, 2)


def test_commitments_are_offered_for_what_is_always_there() -> None:
    # In one month, storage does not pay for the class that cannot be reserved.
    found = cheapest(options(months=1))
    offers = {one.name: one.saves for one in found.commitments}
    capacity = found.sizing.table.capacity
    assert capacity
    blocks = capacity.reserved_units // 100
    # 0.065 × 730 less 150 / 12 + 0.0128 × 730, and less 180 / 36 + 0.0081 × 730: 54% and 77%.
    assert offers["reserve for one year"] == pytest.approx(blocks * Decimal("25.606"))
    assert offers["reserve for three years"] == pytest.approx(blocks * Decimal("36.537"))
    assert offers["Kinesis On-demand Advantage"] < 0 < offers["producers aggregate records"]
    on_demand = cheapest(plan_input(IDLE_RATE)).commitments
    assert not [one for one in on_demand if one.name.startswith("reserve")]


def test_an_idle_stack_costs_its_stream_and_its_monitoring() -> None:
    found = idle_cost("shards", plan_input(5))
    monitoring = Decimal("4.80") + Decimal("7.40")
    # 16 metrics; 34 alarms, 2 composite ones and a dashboard; a shard for 72 hours, and 2 metrics of it.
    assert found.dollars == monitoring + Decimal("25.55") + Decimal("0.60")
    # On demand: $0.04 an hour, and four shards with metrics.
    assert found.default_dollars == monitoring + Decimal("29.20") + Decimal("2.40")


def test_the_least_idle_cost_is_that_of_the_set_small() -> None:
    found = idle_cost("on-demand", plan_input(5))
    # A shard for 24 hours, 16 metrics, and alarms with ten.
    assert found.least_dollars == Decimal("10.95") + Decimal("4.80") + 1
    assert found.least_dollars - found.least_with_free_tier_dollars == 3 + 1
    small = SETS["small"]
    assert found.least_parameters == small
    # What the bill of it is made of.
    assert small["ShardCount"] == "1" and small["TableBilling"] == Options().table_billing
    assert small["Monitoring"] == "essential"
    assert small["PendingAlarmMinutes"] == small["CanaryMinutes"] == "0"
