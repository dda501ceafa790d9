"""The simulation and the formulas agree, and a plan's own settings survive its own peak."""

import random
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderstream.capacity.demand import Mode, PlanInput
from orderstream.capacity.plan import catch_up, latency
from orderstream.capacity.randomness import poisson
from orderstream.capacity.simulation import simulate
from orderstream.capacity.sizing import Sizing, compute_sizing
from orderstream.capacity.traffic import (
    Curve,
    Outage,
    SimulationResult,
    SimulationSettings,
    simulation_settings,
)
from tests.unit.capacity.examples import plan_input


@cache
def planned(
    rate: int, factor: int, size: int = 800, **options: Any
) -> tuple[Sizing, PlanInput, SimulationSettings]:
    given = plan_input(rate, factor, size, **options)
    found = compute_sizing(given.options.mode or "shards", given)
    return found, given, simulation_settings(found, given)


def steady(rate: float, seconds: float = 240) -> Curve:
    return Curve((0.0,), (float(rate),), seconds)


def run(curve: Curve, of: SimulationSettings, *outages: Outage, seed: int = 0) -> SimulationResult:
    return simulate(curve, of, outages=outages, chance=random.Random(seed).random)


def test_the_same_seed_simulates_the_same_and_another_one_something_else() -> None:
    *_, of = planned(2000, 5)
    assert run(steady(2000, 60), of, seed=1) == run(steady(2000, 60), of, seed=1)
    assert run(steady(2000, 60), of, seed=1) != run(steady(2000, 60), of, seed=2)


def test_every_order_is_somewhere() -> None:
    *_, of = planned(500, 3)
    curve = Curve((0.0, 60.0, 120.0), (500.0, 5000.0, 100.0), 300.0)
    result = run(curve, replace(of, retention_seconds=40, maximum_age_seconds=50), Outage(30, 200))
    last = result.points[-1]
    assert result.discarded > 0 and result.lost > 0
    waiting = result.orders - result.done - result.lost - result.discarded
    assert waiting == last.backlog + last.held


@pytest.mark.parametrize("options", [{}, {"window_seconds": 5}, {"layout": "order"}])
def test_batches_are_as_large_as_the_formula_says_to_a_sixth(options: dict[str, Any]) -> None:
    found, _, of = planned(2000, 5, **options)
    for load, rate in ((found.function.average, 2000), (found.function.peak, 10_000)):
        simulated = run(steady(rate), of)
        # At the peak of full batches those that the window cut short are smaller than the formula's.
        tolerance = 1 / 6 if load.orders < found.function.batch_size else 0.25
        assert simulated.orders_per_batch == pytest.approx(float(load.orders), rel=tolerance)


@pytest.mark.parametrize(
    ("rate", "factor", "size", "options", "limited_by"),
    [
        (100, 5, 800, {}, "shard reads"),
        (400, 2, 5000, {}, "table"),
        (800, 5, 800, {"layout": "order"}, "lanes"),
        (2000, 3, 800, {"mode": "on-demand"}, "table"),
    ],
)
def test_catching_up_takes_as_long_as_the_formula_says_to_a_tenth(
    rate: int, factor: int, size: int, options: dict[str, Any], limited_by: str
) -> None:
    found, given, of = planned(rate, factor, size, outage_hours=Decimal("0.5"), **options)
    expected = catch_up(found, given)
    assert expected.limited_by == limited_by
    result = run(steady(rate), of, Outage(60, 1800))
    assert expected.seconds is not None and result.caught_up_at is not None
    # The pauses between attempts add some seconds.
    assert result.caught_up_at - 1860 == pytest.approx(float(expected.seconds), rel=0.1, abs=15)
    assert result.most_backlog == pytest.approx(float(expected.backlog), rel=0.02)
    assert result.oldest_seconds == pytest.approx(1800, abs=15)
    assert result.to_spare_seconds == pytest.approx(72 * 3600 - 1800, abs=15)
    assert result.lost == result.discarded == 0


def test_shards_that_stand_for_many_say_the_same_as_all_of_them() -> None:
    *_, of = planned(20_000, 5)
    assert of.shards == 125
    # They have their share of the concurrency too.
    scarce = replace(of, concurrency=120, seconds_of=lambda orders: 2.0)
    assert run(steady(20_000, 60), scarce).throttled > 0
    alike = run(steady(20_000), of)
    all_of_ten = run(steady(1600), replace(of, shards=10, table=of.table / 12.5))
    assert alike.shards_simulated < 125 and all_of_ten.shards_simulated == 10
    assert alike.orders == pytest.approx(20_000 * alike.seconds, rel=0.01)
    assert alike.orders_per_batch == pytest.approx(all_of_ten.orders_per_batch, rel=0.05)
    assert alike.most_backlog == pytest.approx(12.5 * all_of_ten.most_backlog, rel=0.2)


@settings(max_examples=8)
@given(
    st.integers(1, 5000),
    st.integers(1, 20),
    st.integers(50, 5000),
    st.sampled_from(["shards", "on-demand"]),
    st.booleans(),
    st.integers(0, 10),
)
def test_a_plan_survives_its_own_peak(
    rate: int, factor: int, size: int, mode: Mode, has_index: bool, window: int
) -> None:
    *_, of = planned(rate, factor, size, mode=mode, has_index=has_index, window_seconds=window)
    result = run(steady(rate * factor, 200), of)
    assert result.behind_from is None
    assert result.throttled == result.lost == result.discarded == 0
    # On demand has no headroom when a peak comes for the first time; it has twice the peak here.
    assert result.most_held <= rate * factor * 0.5
    assert result.most_backlog <= rate * factor * (window + 5) + 1000


def test_half_of_the_shards_leave_ever_more_orders_at_the_producers() -> None:
    *_, of = planned(2000, 5)
    half = replace(of, shards=of.shards // 2)
    shorter, longer = (run(steady(10_000, seconds), half).most_held for seconds in (120, 240))
    # 6 shards take 6,000 of 10,000 orders a second.
    assert shorter == pytest.approx(4000 * 120, rel=0.02)
    assert longer == pytest.approx(2 * shorter, rel=0.05)


def test_half_of_the_concurrency_that_is_needed_leaves_an_ever_growing_backlog() -> None:
    found, _, of = planned(2000, 5)
    needed = float(found.function.peak.running)
    assert run(steady(10_000, 60), of).behind_from is None
    half = run(steady(10_000, 60), replace(of, concurrency=int(needed / 2)))
    assert half.caught_up_at is None and half.throttled > 0
    grown = [point.backlog for point in half.points]
    assert grown[-1] > 1.5 * grown[len(grown) // 2] > 0
    # It goes on for as long as it may, and then says when it will be too late.
    assert half.seconds == 60 + 3600
    assert half.discarded_from is not None and half.discarded_from > half.seconds


def test_half_of_the_table_leaves_an_ever_growing_backlog() -> None:
    *_, of = planned(500, 5)
    half = run(steady(2500), replace(of, table=1250.0))
    assert half.behind_from is not None and half.caught_up_at is None
    assert half.most_backlog == pytest.approx(1250 * half.seconds, rel=0.05)


def test_what_is_too_old_for_the_mapping_goes_to_the_bucket_and_is_not_lost() -> None:
    *_, of = planned(100, 2)
    result = run(steady(100, 600), replace(of, maximum_age_seconds=120), Outage(60, 400))
    # Of the 400 seconds all but the last 120 are discarded, and what came in the meantime.
    assert result.discarded == pytest.approx(100 * 280, rel=0.1)
    assert result.discarded_from == pytest.approx(180, abs=10)
    assert (result.lost, result.lost_from) == (0, None)


def test_what_is_older_than_the_retention_is_lost_and_the_first_moment_is_named() -> None:
    *_, of = planned(100, 2)
    short = replace(of, batch_size=10, retention_seconds=120)
    result = run(steady(100, 600), short, Outage(60, 400))
    assert result.lost > 0
    assert result.lost_from == pytest.approx(180, abs=10)
    assert result.to_spare_seconds == 0


def test_a_lane_takes_no_concurrency_between_two_invocations() -> None:
    *_, of = planned(100, 2, window_seconds=0)
    alone = replace(of, shards=2, concurrency=1, seconds_of=lambda orders: 0.01)
    for between in (0.02, 0.5):
        result = run(steady(0.4, 600), replace(alone, between_seconds=between))
        # Two of some 240 invocations at most come within a hundredth of a second.
        assert result.invocations > 200 and result.throttled <= 2


def test_enhanced_fan_out_stores_an_order_sooner() -> None:
    ages = {}
    for fan_out in (False, True):
        found, given, of = planned(500, 2, fan_out=fan_out, window_seconds=0, mode="shards")
        ages[fan_out] = run(steady(500, 120), of).oldest_seconds
        expected = latency(found, given)
        said = expected.fan_out if fan_out else expected.shared
        assert ages[fan_out] == pytest.approx(float(said), rel=0.5)
    assert ages[True] < ages[False] / 3


def test_a_curve_is_what_its_steps_say() -> None:
    curve = Curve((0.0, 10.0, 20.0), (1.0, 3.0, 2.0), 40.0)
    assert [curve.at(second) for second in (0, 9.9, 10, 25, 99)] == [1, 1, 3, 2, 2]
    # 10 × 1 + 10 × 3 + 20 × 2
    assert (curve.orders(0, 40), curve.average, curve.peak) == (80, 2, 3)
    assert curve.orders(5, 15) == 5 + 15
    assert curve.orders(39, 45) == 12


@pytest.mark.parametrize("mean", [0.0, 0.5, 10.0, 29.0, 31.0, 5000.0])
def test_what_comes_by_chance_has_its_mean_and_spread(mean: float) -> None:
    dice = random.Random(5).random
    drawn = [poisson(mean, dice) for _ in range(4000)]
    average = sum(drawn) / len(drawn)
    assert average == pytest.approx(mean, rel=0.03, abs=0.05)
    assert sum((one - average) ** 2 for one in drawn) / len(drawn) == pytest.approx(mean, rel=0.1, abs=0.05)
