"""A provisioned table scales as AWS says, and its settings keep orders from waiting longer than they may."""

from dataclasses import replace

import pytest

from orderstream.capacity.autoscaling import Scaling, ScalingResult, cheapest_scaling, day, simulate, sudden
from orderstream.capacity.reference_data import ScalingFigures

FIGURES = ScalingFigures()


def peak(
    factor: float = 3,
    *,
    utilization: float = 0.7,
    floor: float = 1.0,
    ceiling: float = 9.0,
    has_burst: bool = True,
) -> ScalingResult:
    return simulate(
        sudden(factor, 1.0),
        6000,
        utilization=utilization,
        floor=floor,
        ceiling=ceiling,
        has_burst=has_burst,
        figures=FIGURES,
    )


def scaling(factor: float, wait: float) -> Scaling:
    return cheapest_scaling(factor, wait, FIGURES)


@pytest.mark.parametrize("factor", [1.0, 1.5, 3.0, 10.0, 40.0])
def test_a_day_has_its_peak_and_a_mean_of_one(factor: float) -> None:
    rates = [day(factor)(minute * 60) for minute in range(1440)]
    assert max(rates) == pytest.approx(factor, rel=1e-6)
    assert sum(rates) / 1440 == pytest.approx(1, rel=1e-3)


def test_steady_traffic_pays_for_its_target_and_never_waits() -> None:
    found = simulate(lambda _: 1.0, 86_400, utilization=0.7, floor=0, ceiling=9, figures=FIGURES)
    assert found.mean == pytest.approx(1 / 0.7) and not found.wait_seconds


def test_burst_capacity_lasts_as_long_as_in_the_example_of_aws() -> None:
    # 150 units, unused for five minutes: 45,000 of them let 200 a second be written for 900 seconds.
    def written(seconds: int) -> float:
        return simulate(
            lambda second: 200.0 if second >= 300 else 0.0,
            300 + seconds,
            utilization=0.7,
            floor=150,
            ceiling=150,
            figures=FIGURES,
        ).wait_seconds

    assert written(900) == 0
    assert written(1000) > 0


def test_what_is_throttled_waits_until_the_capacity_has_grown() -> None:
    assert peak(has_burst=False).wait_seconds > peak().wait_seconds > 0
    # Capacity grows to what was written, divided by the target: a low target reaches the peak in fewer steps.
    assert peak(utilization=0.5).wait_seconds < peak(utilization=0.9).wait_seconds
    # An alarm of two minutes, and the delay, pass before anything changes.
    least = FIGURES.scale_out_minutes * 60 + FIGURES.delay_seconds
    found = simulate(
        sudden(3, 1.0), 600 + least, utilization=0.7, floor=1, ceiling=9, has_burst=False, figures=FIGURES
    )
    assert found.mean == pytest.approx(1 / 0.7)


def test_capacity_falls_after_a_quarter_of_an_hour_and_not_more_often_than_allowed() -> None:
    def mean(figures: ScalingFigures) -> float:
        return simulate(day(5), 86_400, step=60, utilization=0.7, floor=0, ceiling=20, figures=figures).mean

    usual = mean(FIGURES)
    assert mean(replace(FIGURES, scale_in_minutes=120)) > usual
    assert mean(replace(FIGURES, scale_in_below=0.6)) > usual
    assert usual > 1 / 0.7


def test_a_ceiling_below_the_peak_makes_orders_wait_beyond_it() -> None:
    assert peak(ceiling=1.5).wait_seconds == float("inf")


@pytest.mark.parametrize("factor", [1.5, 3.0, 5.0])
@pytest.mark.parametrize("wait", [10, 60, 300])
def test_the_chosen_settings_keep_the_wait_at_a_sudden_peak(factor: float, wait: int) -> None:
    found = scaling(factor, wait)
    for usual in (1.0, day(factor)(0)):
        simulated = simulate(
            sudden(factor, usual),
            6000,
            utilization=found.utilization / 100,
            floor=found.floor,
            ceiling=found.ceiling,
            figures=FIGURES,
        )
        assert simulated.wait_seconds <= found.wait_seconds <= wait
    assert found.ceiling >= factor / found.utilization * 100
    assert found.wait_without_burst_seconds is None or found.wait_without_burst_seconds >= found.wait_seconds


def test_waiting_longer_is_never_dearer_and_a_higher_peak_never_cheaper() -> None:
    by_wait = [scaling(3.0, wait).mean for wait in (10, 30, 60, 120, 300)]
    assert by_wait == sorted(by_wait, reverse=True)
    by_peak = [scaling(factor, 60).mean for factor in (1.0, 1.5, 3.0, 5.0, 10.0)]
    assert by_peak == sorted(by_peak)
