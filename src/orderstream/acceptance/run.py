"""Runs the checks one after the other; cleanup always runs, even after an interruption."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from orderstream.acceptance.check import Check, CheckOutcome, CheckResult
from orderstream.acceptance.context import Context
from orderstream.errors import NotShownError, OrderstreamError

# A check is interrupted after this many times its expected duration on AWS.
PATIENCE = 3
_LONGEST_REASON = 1000


class _OverdueError(BaseException):
    """Interrupts a check anywhere, as Ctrl-C does: no library's `except Exception` may catch it."""


def run(
    context: Context, checks: Sequence[Check], *, minutes: float, told: Callable[[CheckResult], None]
) -> None:
    """Run the checks, for at most `minutes`; `told` is called with each result.

    After a check that fails or raises, the next ones still run, unless it is required. Ctrl-C (or SIGTERM)
    ends the run, except for checks that always run. Interrupting those too raises KeyboardInterrupt. Call
    from the main thread only.
    """
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
        told(result)
        if check.required and result.outcome is CheckOutcome.FAILED:
            halted = f"{check.name} failed"
    if broken is not None and not isinstance(broken, KeyboardInterrupt):
        raise broken


def _run(check: Check, context: Context, seconds: float | None) -> CheckResult:
    begin = time.monotonic()
    evidence, reason, outcome = {}, "", CheckOutcome.PASSED
    try:
        if check.only_aws and context.place.is_local:
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
    """Raise _OverdueError anywhere in the block after `seconds`; None means no limit."""
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
