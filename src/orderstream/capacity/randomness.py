"""The random numbers of orders in a simulation."""

from collections.abc import Callable
from math import cos, exp, log, pi, sqrt

# Returns a random number from 0 (inclusive) to 1 (exclusive).
Random = Callable[[], float]

# Above this mean, a normal distribution is a good approximation of a Poisson distribution.
_MANY = 30


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
