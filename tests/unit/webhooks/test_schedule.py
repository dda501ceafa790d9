"""When a delivery is tried again: the schedule that Standard Webhooks recommends."""

from __future__ import annotations

from orderstream.webhooks.schedule import DELAYS, MOST_ATTEMPTS, delay, pause


def test_ten_attempts_take_three_days() -> None:
    waits = [delay(attempts, 0.5) for attempts in range(1, MOST_ATTEMPTS + 1)]
    assert waits == [*DELAYS, None]
    assert 72 * 3600 <= sum(DELAYS) <= 78 * 3600


def test_jitter_spreads_a_delay_by_a_tenth() -> None:
    assert [delay(2, draw) for draw in (0.0, 0.5, 1.0)] == [270, 300, 330]


def test_pauses_grow_to_half_an_hour_and_stay_there() -> None:
    assert [pause(pauses, 0.5) for pauses in (0, 1, 2, 3, 200)] == [5, 300, 1800, 1800, 1800]
