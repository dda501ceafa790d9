"""The machine-readable report of a run: where it ran, and the checks with their evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from orderstream import __version__
from orderstream.acceptance.check import CheckResult, all_is_well
from orderstream.acceptance.context import Context
from orderstream.domain.fields import utc_text


def report(
    context: Context, results: Sequence[CheckResult], *, began: datetime, ended: datetime
) -> dict[str, Any]:
    """The report as JSON values."""
    return {
        "version": __version__,
        "stack": context.name,
        "account": context.account,
        "region": context.region,
        "cloud": "local" if context.place.is_local else "aws",
        "began": utc_text(began),
        "ended": utc_text(ended),
        "passed": all_is_well(results),
        "checks": [
            {
                "name": one.check.name,
                "shows": one.check.shows,
                "outcome": one.outcome.value,
                "seconds": round(one.seconds, 1),
                **({"evidence": one.evidence} if one.evidence else {}),
                **({"reason": one.reason} if one.reason else {}),
            }
            for one in results
        ],
    }
