"""The random parts of a simulation: numbers of orders and retry delays."""

from collections.abc import Callable
from math import cos, exp, log, pi, sqrt

from orderstream.sdk.retries import backoff

# Returns a random number from 0 (inclusive) to 1 (exclusive).
Random = Callable[[], float]

# As in local/esm/lanes.py.
FIRST_DELAY_SECONDS = 0.1

# Above this mean, a normal distribution is a good approximation of a Poisson distribution.
_MANY = 30


def delay(tries: int, chance: float) -> float:
    """Seconds to wait after the `tries`-th consecutive failure; `chance` (0 to 1) is the jitter."""
    return backoff(tries, (1 + chance) / 2, FIRST_DELAY_SECONDS)


def poisson(mean: float, chance: Random) -> int:
    """A random number from a Poisson distribution with this mean."""
    if mean > _MANY:
        normal = sqrt(-2 * log(1 - chance())) * cos(2 * pi * chance())
        return max(0, round(mean + sqrt(mean) * normal))
    least, product, count = exp(-mean), chance(), 0
    while product > least:
        product *= chance()
        count += 1
    return count
