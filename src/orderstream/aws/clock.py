"""What time it is by AWS's clock, which stamps the records, whatever this machine's clock says."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

# A Date has whole seconds, and is some time on its way: a clock as near as this counts as right.
PRECISION = timedelta(seconds=2)
TOLERANCE = timedelta(minutes=1)


def _here() -> datetime:
    return datetime.now(UTC)


def _silent(behind: timedelta) -> None:
    pass


class ServiceClock:
    """Goes by the `Date` of the service's answers, and by this machine's clock until there is one.

    `on_wrong` hears once when this machine's clock is wrong by more than TOLERANCE: by how much it is behind
    the service's, negative if it is ahead.
    """

    def __init__(
        self, on_wrong: Callable[[timedelta], None] = _silent, *, here: Callable[[], datetime] = _here
    ) -> None:
        self._on_wrong: Callable[[timedelta], None] | None = on_wrong
        self._here = here
        # The service's time, in seconds since the epoch, when the monotonic clock was 0.
        self._begin: float | None = None

    def observe(self, **event: Any) -> None:
        """Take an answer, an error too, as botocore's event `response-received` has it."""
        metadata = (event["parsed_response"] or {}).get("ResponseMetadata", {})
        try:
            said = parsedate_to_datetime(metadata["HTTPHeaders"]["date"]).timestamp()
        except (KeyError, TypeError, ValueError, OverflowError):
            return
        # The way here and the whole seconds only make it seem earlier: so the latest is the nearest.
        begin = said - time.monotonic()
        self._begin = begin if self._begin is None else max(self._begin, begin)
        behind = self.behind
        if abs(behind) > TOLERANCE and self._on_wrong:
            tell, self._on_wrong = self._on_wrong, None
            tell(behind)

    def now(self) -> datetime:
        """The time (aware, UTC); to about a second where this machine's clock is wrong."""
        return self._here() + self.behind

    @property
    def behind(self) -> timedelta:
        """How far this machine's clock is behind the service's, negative if ahead; 0 where it is right."""
        if self._begin is None:
            return timedelta()
        behind = datetime.fromtimestamp(self._begin + time.monotonic(), UTC) - self._here()
        return behind if abs(behind) > PRECISION else timedelta()
