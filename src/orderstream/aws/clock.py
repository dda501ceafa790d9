"""The time by AWS's clock, which stamps the records, even if this machine's clock is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

# The Date header has whole seconds and takes time to arrive: a smaller difference counts as correct.
PRECISION = timedelta(seconds=2)
TOLERANCE = timedelta(minutes=1)


def _here() -> datetime:
    return datetime.now(UTC)


def _silent(behind: timedelta) -> None:
    pass


class ServiceClock:
    """Follows the `Date` of the service's responses, and this machine's clock until the first one.

    `on_wrong` is called once if this machine's clock is off by more than TOLERANCE. It receives how far the
    clock is behind the service's, negative if ahead.
    """

    def __init__(
        self, on_wrong: Callable[[timedelta], None] = _silent, *, here: Callable[[], datetime] = _here
    ) -> None:
        self._on_wrong: Callable[[timedelta], None] | None = on_wrong
        self._here = here
        # The service's time, in seconds since the epoch, when the monotonic clock was 0.
        self._begin: float | None = None

    def observe(self, **event: Any) -> None:
        """Take the clock from a response, error or not, passed as in botocore's event `response-received`."""
        metadata = (event["parsed_response"] or {}).get("ResponseMetadata", {})
        try:
            said = parsedate_to_datetime(metadata["HTTPHeaders"]["date"]).timestamp()
        except (KeyError, TypeError, ValueError, OverflowError):
            return
        # Latency and whole seconds can only make it seem earlier, so the latest value is the most accurate.
        begin = said - time.monotonic()
        self._begin = begin if self._begin is None else max(self._begin, begin)
        behind = self.behind
        if abs(behind) > TOLERANCE and self._on_wrong:
            tell, self._on_wrong = self._on_wrong, None
            tell(behind)

    def now(self) -> datetime:
        """The time (aware, UTC), accurate to about a second if this machine's clock is wrong."""
        return self._here() + self.behind

    @property
    def behind(self) -> timedelta:
        """How far this machine's clock is behind the service's, negative if ahead; 0 if it is right."""
        if self._begin is None:
            return timedelta()
        behind = datetime.fromtimestamp(self._begin + time.monotonic(), UTC) - self._here()
        return behind if abs(behind) > PRECISION else timedelta()
