"""When a failed delivery is sent again, and when an endpoint that fails is tried again.

Draws are random numbers from 0 to 1, so that retries spread out.
"""

from __future__ import annotations

# Seconds after each failed attempt, as Standard Webhooks recommends: ten attempts in three days.
DELAYS = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
MOST_ATTEMPTS = len(DELAYS) + 1
# Seconds between the single requests to an endpoint that fails; the last one repeats. They are shorter than
# the delays, because a request each half hour costs nothing, and all orders wait for it.
PAUSES = DELAYS[:3]
# Failures in a row after which an endpoint is paused.
MOST_FAILURES = 10
# An endpoint at which nothing succeeds for this long is switched off.
GIVE_UP_SECONDS = 3 * 24 * 3600
# The longest Retry-After that is honored.
MOST_RETRY_AFTER = 3600
# Delays vary by this share, up and down.
_JITTER = 0.1


def delay(attempts: int, draw: float) -> float | None:
    """Seconds until a delivery is sent again after this many failed attempts; None: it is a dead letter."""
    return _spread(DELAYS[attempts - 1], draw) if attempts < MOST_ATTEMPTS else None


def pause(pauses: int, draw: float) -> float:
    """Seconds for which an endpoint is paused after this many earlier pauses in a row."""
    return _spread(PAUSES[min(pauses, len(PAUSES) - 1)], draw)


def _spread(seconds: float, draw: float) -> float:
    return seconds * (1 - _JITTER + 2 * _JITTER * draw)
