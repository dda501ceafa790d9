"""What a simulation leaves to chance: how many orders come, and how long a pause is."""

from collections.abc import Callable
from math import cos, exp, log, pi, sqrt

# A number from 0 to 1, 1 excluded; another one at each call.
Random = Callable[[], float]

# As in local/esm/lanes.py.
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0

# Above so many, a normal distribution is as good as a Poisson distribution.
_MANY = 30


def delay(tries: int, chance: float) -> float:
    """Seconds to wait after the `tries`-th failure in a row; `chance` (0 to 1) spreads them out."""
    longest = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(tries - 1, 16))
    return longest * (1 + chance) / 2


def poisson(mean: float, chance: Random) -> int:
    """How many come where `mean` come on average."""
    if mean > _MANY:
        normal = sqrt(-2 * log(1 - chance())) * cos(2 * pi * chance())
        return max(0, round(mean + sqrt(mean) * normal))
    least, product, count = exp(-mean), chance(), 0
    while product > least:
        product *= chance()
        count += 1
    return count
