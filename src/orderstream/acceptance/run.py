"""Runs the checks one after the other; what cleans up runs in any case, also when they are broken off."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from orderstream.acceptance.check import Check, CheckOutcome, CheckResult
from orderstream.acceptance.context import Context
from orderstream.errors import NotShownError, OrderstreamError

# A check is broken off after so many times the minutes that it is expected to take on AWS.
PATIENCE = 3
_LONGEST_REASON = 1000


class _OverdueError(BaseException):
    """Breaks off a check wherever it is, as Ctrl-C does: no `except Exception` of a library may take it."""


def run(
    context: Context, checks: Sequence[Check], *, minutes: float, told: Callable[[CheckResult], None]
) -> list[CheckResult]:
    """Run the checks, for so many minutes at most; `told` hears of each result.

    A check that fails or raises does not keep the next from running, unless it is required. Ctrl-C (SIGTERM
    is taken as that) ends the run: what is always run comes still. Breaking that off too raises
    KeyboardInterrupt. Runs in the main thread only.
    """
    results: list[CheckResult] = []
    halted = ""
    broken: BaseException | None = None
    end = time.monotonic() + 60 * minutes
    for check in checks:
        left = end - time.monotonic()
        if left <= 0:
            halted = halted or f"the time is over, {minutes:g} minutes"
        begin = time.monotonic()
        if halted and not check.always:
            result = CheckResult(check, CheckOutcome.NOT_RUN, reason=halted)
        else:
            seconds = None if check.always else min(60 * PATIENCE * check.minutes, left)
            try:
                result = _run(check, context, seconds)
            except BaseException as error:
                halted, broken = "interrupted", error
                result = CheckResult(check, CheckOutcome.NOT_RUN, time.monotonic() - begin, reason=halted)
                if check.always:
                    told(result)
                    raise
        results.append(result)
        told(result)
        if check.required and result.outcome is CheckOutcome.FAILED:
            halted = f"{check.name} failed"
    if broken is not None and not isinstance(broken, KeyboardInterrupt):
        raise broken
    return results


def _run(check: Check, context: Context, seconds: float | None) -> CheckResult:
    begin = time.monotonic()
    evidence, reason, outcome = {}, "", CheckOutcome.PASSED
    try:
        if check.only_aws and context.place.is_laptop:
            raise NotShownError(check.only_aws)
        with _within(seconds):
            evidence = check.run(context)
    except NotShownError as error:
        outcome, reason = CheckOutcome.NOT_SHOWN, error.message
    except OrderstreamError as error:
        outcome, reason = CheckOutcome.FAILED, error.message
    except _OverdueError:
        outcome, reason = CheckOutcome.FAILED, f"it took longer than {seconds:,.0f} s"
    except Exception as error:
        outcome, reason = CheckOutcome.FAILED, f"{type(error).__name__}: {error}"
    reason = " ".join(reason.split())[:_LONGEST_REASON]
    return CheckResult(check, outcome, time.monotonic() - begin, evidence, reason)


@contextmanager
def _within(seconds: float | None) -> Iterator[None]:
    """Raise _OverdueError in the block after so many seconds, wherever it is; None is no bound."""
    if seconds is None:
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise _OverdueError

    handler = signal.signal(signal.SIGALRM, ring)
    (before, _) = signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, before)
        signal.signal(signal.SIGALRM, handler)
