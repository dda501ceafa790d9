"""A check of `orders stack accept`, and its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from orderstream.acceptance.context import Context, Evidence


class CheckOutcome(Enum):
    """The outcome of a check. One that cannot be shown where it runs has neither passed nor failed."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_SHOWN = "not shown here"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Check:
    """A named check. `shows` states what a pass proves, in one sentence.

    `run` returns the evidence. It raises CheckFailedError if the check fails, and NotShownError if it cannot
    be shown. `minutes` is the expected duration on AWS; after three times that it is interrupted. `only_aws`
    is why a local cloud cannot show it, "" if it can. If a `required` check fails, only those that `always`
    run follow: they clean up.
    """

    name: str
    shows: str
    run: Callable[[Context], Evidence]
    minutes: float
    only_aws: str = ""
    required: bool = False
    always: bool = False


@dataclass(frozen=True)
class CheckResult:
    """The result of a check, and its seconds: the evidence if it passed, else the reason."""

    check: Check
    outcome: CheckOutcome
    seconds: float = 0.0
    evidence: Evidence = field(default_factory=dict)
    reason: str = ""


def all_is_well(results: Sequence[CheckResult]) -> bool:
    """Whether every check passed, except those that cannot be shown there."""
    return all(one.outcome in {CheckOutcome.PASSED, CheckOutcome.NOT_SHOWN} for one in results)
