"""What the events of orders add to a plan, calculated by hand; the arithmetic is beside each."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from orderstream.capacity.function import orders_that_fit, seconds_of
from orderstream.capacity.plan import plan
from orderstream.capacity.simulation import simulate
from orderstream.capacity.sizing import compute_sizing
from orderstream.capacity.traffic import Curve, simulation_settings
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import document
from orderstream.errors import InputError
from tests.unit.capacity.examples import plan_input, sizing

FOUR = plan_input(100, 5, events=4)


def test_an_event_is_a_record_of_the_stream() -> None:
    stream = sizing(100, 5, events=4).stream
    # 500 × 5 records × 1.25 / 1,000 = 3.125
    assert (stream.shards, stream.limited_by) == (4, "records")
    # 500 × (816 + 4 × 166)
    assert stream.peak_bytes_per_second == 740_000
    # Whole KB of each record: five of them, in GB and for a month.
    on_demand = sizing(100, 5, events=4, mode="on-demand", retention_hours=24).stream
    without = sizing(100, 5, mode="on-demand", retention_hours=24).stream
    # 262.8 million × 4 × (1,024 bytes in at $0.08, 166 out at $0.04) / 2^30
    more = Decimal("262800000") * 4 * (1024 * Decimal("0.08") + 166 * Decimal("0.04")) / 2**30
    assert round(on_demand.dollars - without.dollars, 4) == round(more, 4)


def test_an_event_writes_a_row_and_the_item_and_reads_both() -> None:
    table = sizing(100, 5, events=4).table
    # 495 + 0.18 × 800 = 639, + 100 + 3 × 14
    assert table.item_bytes == 781
    # The order, and four updates; both with the index; four rows.
    assert (table.units_per_order, table.billed_units_per_order) == (1, 2)
    assert [table.updates_per_order, table.events_billed_per_order] == [4, 4 * 2 + 4]
    assert sizing(100, 5, events=4, has_index=False).table.events_billed_per_order == 4 + 4
    # An item below 4 KB, and 2.5 rows of 518 bytes in one query.
    assert table.reads_per_order == 8
    # 100 × 5 × 5; (781 + 100) × 2 + 4 × (518 + 100) bytes an order
    assert table.peak_units == 2500
    assert round(table.stored_gb, 3) == round(Decimal("262800000") * 4234 / 2**30, 3)
    # With its state, the item has more than a kilobyte: two units of each update.
    assert sizing(100, 5, item_size=1000, events=4).table.writes_per_order == 1 + 4 * 2


def test_an_event_takes_time_of_its_own() -> None:
    # 4 + 200 × 0.0995 + 800 × 1.0599 = 871.8 ms on a share of 1,024/1,769: 1,506.1; 20 + ⌈(8 + 872) / 5⌉ × 5
    assert round(seconds_of(Decimal(200), FOUR), 3) == Decimal("2.406")
    found = compute_sizing("shards", FOUR).function
    # 1,000 records are 200 orders with their events: 200 / (2.406 + 0.02)
    assert (found.batch_size, round(found.lane_rate, 1)) == (1000, Decimal("82.4"))
    # A shard accepts 200 of them a second.
    assert found.parallelization_factor == 3
    # (5,242,880 - 14) / ⌈(575 + 1,068 + 4 × (575 + 200)) / 5⌉
    assert orders_that_fit(FOUR) == (6 * 2**20 - 14) // 949


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_events_are_archived_in_batches(layout: str) -> None:
    found = sizing(100, 5, events=4, layout=layout)
    batches = 262_800_000 / found.function.average.orders
    whole = 262_800_000 * (5 * 17 + Decimal("0.236") * (800 + 4 * 150)) + batches * 400
    if layout == "order":
        # Each order is an object of its own, and not in those.
        whole += 262_800_000 * (192 + 800 - 17 - Decimal("0.236") * 800)
        batches += 262_800_000
    assert round(found.archive.objects, 3) == round(batches, 3)
    assert round(found.archive.gb, 6) == round(whole / 2**30, 6)


def test_the_price_of_an_event_is_what_the_same_orders_cost_less_without_it() -> None:
    found, without = plan(FOUR), plan(plan_input(100, 5))
    more = found.sizing.bill.total - without.sizing.bill.total
    assert found.event_dollars_million == more / Decimal("1051.2")
    assert Decimal("2.5") < found.event_dollars_million < Decimal("3")
    assert without.event_dollars_million is None


def test_a_simulated_batch_has_no_more_records_than_a_planned_one() -> None:
    settings = simulation_settings(compute_sizing("shards", FOUR), FOUR)
    assert settings.batch_size == 200
    result = simulate(Curve((0.0,), (100.0,), 600.0), settings, chance=lambda: 0.5)
    assert result.done == pytest.approx(result.orders, rel=0.02) and result.behind_from is None


def test_without_events_nothing_is_added() -> None:
    given = plan_input(100, 5)
    none = replace(given, demand=replace(given.demand, event_size=100_000))
    assert compute_sizing("shards", none) == compute_sizing("shards", given)


@pytest.mark.parametrize(
    "changes", [{"events": -1}, {"events": "1000.5"}, {"event_size": 0}, {"event_size": 409_601}], ids=str
)
def test_impossible_events_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(InputError, match="cannot be planned"):
        plan_input(1, **changes)


def test_the_table_of_events_is_warmed_as_the_table_of_orders() -> None:
    resources = document(TEMPLATE)["Resources"]
    orders, events = (resources[name]["Properties"] for name in ("Orders", "OrderEvents"))
    assert events["WarmThroughput"] == orders["WarmThroughput"]
