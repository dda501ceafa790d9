"""Simulate the autoscaling of a provisioned table: its capacity over a day, and the wait at a sudden peak.

All rates are multiples of the average consumption, so one simulation holds for every table with this peak.

Assumptions:

- A day is a smooth curve with one peak, and every day is alike: that gives the capacity that is paid for. -
  The peak that orders wait for comes at once and lasts an hour. Before it, the rate is the average or the
  lowest of the day, whichever makes them wait longer.
- DynamoDB keeps what is unused in up to 300 seconds, and spends it on bursts. It does not promise that.
- Throttled orders stay in the stream, in order, and are written as soon as there is capacity.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import cos, exp, inf, pi

from orderstream.capacity.reference_data import ScalingFigures

# What template.yaml allows for TableUtilization and is worth comparing.
UTILIZATIONS = (50, 60, 70, 80, 90)
_MINUTE = 60
_DAY = 86_400
# Before a sudden peak, of it, and after it; and the step in which it is simulated.
_BEFORE, _PEAK, _AFTER, _STEP = 600, 3600, 1800, 10
_HOUR = 3600
# The floor is found to this share of the average.
_CLOSELY = 0.02
# As an on-demand table: twice the peak, which is for catching up. It costs nothing unless it is used.
_CEILING = 2
_LEAST = 1e-6


@dataclass(frozen=True)
class ScalingResult:
    """A simulated capacity. `mean` is what is paid for; the longest wait at the sudden peak is in seconds."""

    mean: float
    wait_seconds: float


@dataclass(frozen=True)
class Scaling:
    """The cheapest settings that keep the wait, in multiples of the average consumption.

    `utilization` is the target in percent, `floor` and `ceiling` the bounds of the capacity and `mean` what a
    month of days like the simulated one pays for. Waits are those at a sudden peak, in seconds: with burst
    capacity, and without any (None: not caught up half an hour after the peak).
    """

    utilization: int
    floor: float
    ceiling: float
    mean: float
    wait_seconds: float
    wait_without_burst_seconds: float | None


@lru_cache(maxsize=256)
def day(factor: float) -> Callable[[float], float]:
    """The rate over a day with a mean of 1 and a peak of `factor` (at least 1), at half of the day."""

    def mean(sharpness: float) -> float:
        return sum(exp(-sharpness * (1 - cos(2 * pi * part / 288))) for part in range(288)) / 288

    low, high = 0.0, 1.0
    while mean(high) * factor > 1:
        high *= 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if mean(middle) * factor > 1 else (low, middle)
    return lambda second: factor * exp(-high * (1 + cos(2 * pi * second / _DAY)))


def sudden(factor: float, usual: float) -> Callable[[float], float]:
    """The usual rate, then `factor` for an hour at once, and the usual rate again."""
    return lambda second: factor if _BEFORE <= second < _BEFORE + _PEAK else usual


def simulate(
    rate: Callable[[float], float],
    seconds: int,
    *,
    step: int = _STEP,
    utilization: float,
    floor: float,
    ceiling: float,
    has_burst: bool = True,
    figures: ScalingFigures,
) -> ScalingResult:
    """The capacity that follows `rate` for so many seconds, and the longest that orders wait.

    `utilization` is the target, a share; `floor` and `ceiling` bound the capacity. A minute has whole steps.
    """
    capacity = min(ceiling, max(floor, rate(0) / utilization, _LEAST))
    next_capacity, changes_at = capacity, inf
    kept = figures.burst_seconds if has_burst else 0
    burst = max(0.0, capacity - rate(0)) * kept
    waiting: deque[tuple[float, float]] = deque()
    paid = longest = in_minute = 0.0
    above = below = decreases = 0
    decreased_at = -inf
    for second in range(0, seconds, step):
        if second >= changes_at:
            capacity, changes_at = next_capacity, inf
        paid += capacity * step
        waiting.append((second, rate(second) * step))
        room = capacity * step + burst
        written = 0.0
        while waiting and written < room:
            since, amount = waiting[0]
            part = min(amount, room - written)
            written += part
            longest = max(longest, second - since)
            if part < amount:
                waiting[0] = (since, amount - part)
            else:
                waiting.popleft()
        unused = capacity * step - written
        if unused > 0:
            # Never more than the capacity that is unused now has left in so many seconds.
            unused = max(0.0, min(unused, unused / step * kept - burst))
        burst += unused
        in_minute += written
        if (second + step) % _MINUTE:
            continue
        used, in_minute = in_minute / _MINUTE, 0.0
        share = used / capacity
        above = above + 1 if share > utilization else 0
        below = below + 1 if share < utilization - figures.scale_in_below else 0
        wanted = min(ceiling, max(floor, used / utilization, _LEAST))
        may_decrease = decreases < figures.free_decreases or second - decreased_at >= _HOUR
        if changes_at < inf:
            continue
        if above >= figures.scale_out_minutes and wanted > capacity:
            next_capacity, changes_at, above = wanted, second + step + figures.delay_seconds, 0
        elif below >= figures.scale_in_minutes and wanted < capacity and may_decrease:
            next_capacity, changes_at, below = wanted, second + step + figures.delay_seconds, 0
            decreases, decreased_at = decreases + 1, second
    return ScalingResult(paid / seconds, inf if waiting else longest)


@lru_cache(maxsize=256)
def cheapest_scaling(factor: float, longest_wait: float, figures: ScalingFigures) -> Scaling:
    """The cheapest target and floor with which no order waits longer at a sudden peak of `factor`."""
    return min(
        (_scaling(target, factor, longest_wait, figures) for target in UTILIZATIONS),
        key=lambda one: one.mean,
    )


def _scaling(target: int, factor: float, longest_wait: float, figures: ScalingFigures) -> Scaling:
    ceiling = _CEILING * factor * 100 / target

    def wait(floor: float, *, has_burst: bool = True) -> float:
        return _wait(factor, target, floor, ceiling, has_burst, figures)

    # At night, too, there is what the lowest rate needs; a new table starts with it.
    low, high = day(factor)(0) * 100 / target, ceiling
    if wait(low) <= longest_wait:
        high = low
    while high - low > _CLOSELY:
        middle = (low + high) / 2
        low, high = (low, middle) if wait(middle) <= longest_wait else (middle, high)
    paid = simulate(
        day(factor),
        _DAY,
        step=_MINUTE,
        utilization=target / 100,
        floor=high,
        ceiling=ceiling,
        figures=figures,
    )
    alone = wait(high, has_burst=False)
    return Scaling(
        utilization=target,
        floor=high,
        ceiling=ceiling,
        mean=paid.mean,
        wait_seconds=wait(high),
        wait_without_burst_seconds=None if alone == inf else alone,
    )


# Bisections for different waits begin with the same floors.
@lru_cache(maxsize=4096)
def _wait(
    factor: float, target: int, floor: float, ceiling: float, has_burst: bool, figures: ScalingFigures
) -> float:
    return max(
        simulate(
            sudden(factor, usual),
            _BEFORE + _PEAK + _AFTER,
            utilization=target / 100,
            floor=floor,
            ceiling=ceiling,
            has_burst=has_burst,
            figures=figures,
        ).wait_seconds
        for usual in (1.0, day(factor)(0))
    )
