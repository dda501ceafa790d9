"""A check of `orders accept`, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from orderstream.acceptance.context import Context, Evidence


class CheckOutcome(Enum):
    """What came of a check. One that cannot be shown where it runs has neither passed nor failed."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_SHOWN = "not shown here"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Check:
    """A named check. `shows` is what is true if it passes, in one sentence.

    `run` returns the evidence, or raises: CheckFailedError for what is not as it should be, NotShownError for
    what cannot be shown. `minutes` is what it is expected to take on AWS; after three times that it is broken
    off. `only_aws` is why a local cloud cannot show it, "" if it can. If a `required` one fails, no other is
    run but those that are `always` run: they clean up.
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
    """What came of a check, after how many seconds: its evidence if it passed, else the reason."""

    check: Check
    outcome: CheckOutcome
    seconds: float = 0.0
    evidence: Evidence = field(default_factory=dict)
    reason: str = ""


def all_is_well(results: Sequence[CheckResult]) -> bool:
    """Whether every check passed, but for those that cannot be shown there."""
    return all(one.outcome in {CheckOutcome.PASSED, CheckOutcome.NOT_SHOWN} for one in results)
