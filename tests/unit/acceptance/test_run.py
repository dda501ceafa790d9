"""`orders stack accept` runs check after check, and takes everything down, however it is broken off."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orderstream.acceptance.check import Check, CheckOutcome, CheckResult, all_is_well
from orderstream.acceptance.context import Context, Evidence, ensure_ours, expect, new_name
from orderstream.acceptance.run import run
from orderstream.deploy.target import AWS, LOCAL, DeployTarget
from orderstream.errors import CheckFailedError, CloudError, InputError, NotShownError
from tests.fakes import Clock
from tests.unit.acceptance.fakes import context_on


class Checks:
    """Checks that note that they ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.all: list[Check] = []

    def add(self, name: str, act: Callable[[], Evidence] = lambda: {"seen": 1}, **more: Any) -> None:
        def noted(context: Context) -> Evidence:
            self.ran.append(name)
            return act()

        self.all.append(Check(name, f"{name} is so.", noted, more.pop("minutes", 1), **more))

    def run(self, place: DeployTarget = AWS, minutes: float = 60) -> dict[str, CheckResult]:
        told: list[CheckResult] = []
        run(replace(context_on(), place=place), self.all, minutes=minutes, told=told.append)
        return {one.check.name: one for one in told}


def raising(error: BaseException) -> Callable[[], Evidence]:
    def act() -> Evidence:
        raise error

    return act


@pytest.fixture
def checks() -> Checks:
    return Checks()


def test_a_check_that_fails_or_breaks_keeps_no_other_from_running(checks: Checks) -> None:
    checks.add("fails", raising(CheckFailedError("3 of 4\norders")))
    checks.add("refused", raising(CloudError("access denied")))
    checks.add("breaks", raising(KeyError("State")))
    checks.add("passes", lambda: {"orders": 200, "p50_ms": 640})
    found = checks.run()
    assert [one.outcome for one in found.values()] == [CheckOutcome.FAILED] * 3 + [CheckOutcome.PASSED]
    assert [one.reason for one in found.values()] == [
        "3 of 4 orders",
        "access denied",
        "KeyError: 'State'",
        "",
    ]
    assert found["passes"].evidence == {"orders": 200, "p50_ms": 640}
    assert not all_is_well(list(found.values()))


def test_what_only_aws_can_show_is_not_even_begun_on_a_local_cloud_and_never_passed(checks: Checks) -> None:
    checks.add("anywhere")
    checks.add("there", only_aws="no IAM here")
    found = checks.run(LOCAL)
    assert checks.ran == ["anywhere"]
    assert (found["there"].outcome, found["there"].reason) == (CheckOutcome.NOT_SHOWN, "no IAM here")
    assert all_is_well(list(found.values()))
    assert checks.run(AWS)["there"].outcome is CheckOutcome.PASSED


def test_what_the_caller_may_not_is_not_shown(checks: Checks) -> None:
    checks.add("role", raising(NotShownError("these credentials may make no role")))
    assert checks.run()["role"].outcome is CheckOutcome.NOT_SHOWN


def test_when_the_deployment_fails_only_what_cleans_up_runs(checks: Checks) -> None:
    checks.add("deployment", raising(CloudError("no")), required=True)
    checks.add("orders")
    checks.add("cleaning", always=True)
    found = checks.run()
    assert checks.ran == ["deployment", "cleaning"]
    assert (found["orders"].outcome, found["orders"].reason) == (CheckOutcome.NOT_RUN, "deployment failed")
    assert not all_is_well(list(found.values()))


def test_an_interruption_ends_the_checks_and_cleans_up(checks: Checks) -> None:
    checks.add("before")
    checks.add("interrupted", raising(KeyboardInterrupt()))
    checks.add("after")
    checks.add("cleaning", always=True)
    found = checks.run()
    assert checks.ran == ["before", "interrupted", "cleaning"]
    outcomes = {name: one.outcome.value for name, one in found.items()}
    assert outcomes == {
        "before": "passed",
        "interrupted": "not run",
        "after": "not run",
        "cleaning": "passed",
    }
    assert not all_is_well(list(found.values()))


def test_another_end_of_the_process_cleans_up_too_and_goes_on(checks: Checks) -> None:
    checks.add("exits", raising(SystemExit(7)))
    checks.add("cleaning", always=True)
    with pytest.raises(SystemExit, match="7"):
        checks.run()
    assert checks.ran == ["exits", "cleaning"]


def test_cleaning_up_that_is_broken_off_is_told_and_goes_through(checks: Checks) -> None:
    checks.add("cleaning", raising(KeyboardInterrupt()), always=True)
    told: list[CheckResult] = []
    with pytest.raises(KeyboardInterrupt):
        run(context_on(), checks.all, minutes=1, told=told.append)
    assert [(one.outcome, one.reason) for one in told] == [(CheckOutcome.NOT_RUN, "interrupted")]


def test_a_check_that_hangs_is_broken_off_and_the_next_runs(checks: Checks) -> None:
    def hangs() -> Evidence:
        try:
            threading.Event().wait()
        except Exception:
            pytest.fail("a library's own `except Exception` would have taken it")
        return {}

    checks.add("hangs", hangs, minutes=0.001)
    checks.add("next")
    found = checks.run()
    assert found["hangs"].outcome is CheckOutcome.FAILED and "longer than" in found["hangs"].reason
    assert found["next"].outcome is CheckOutcome.PASSED


def test_when_the_time_is_over_no_check_is_begun_but_the_one_that_cleans_up(checks: Checks) -> None:
    checks.add("late")
    checks.add("cleaning", always=True)
    found = checks.run(minutes=0)
    assert checks.ran == ["cleaning"]
    assert found["late"].reason == "the time is over, 0 minutes"


def test_what_is_waited_for_is_asked_again_told_now_and_then_and_the_last_answer_is_the_reason() -> None:
    clock, answers = Clock(), iter(range(9))

    def look() -> int:
        number = next(answers)
        expect(number > 2, f"{number} of 3")
        return number

    assert context_on(clock).until(look, seconds=60, what="orders") == 3
    assert clock.now == 3 * AWS.poll_seconds

    def never() -> None:
        raise CheckFailedError("1 of 3")

    said: list[str] = []
    with pytest.raises(CheckFailedError, match="after 60 s: 1 of 3"):
        told = replace(context_on(), progress=lambda what, *_: said.append(what))
        told.until(never, seconds=60, what="orders")
    assert said == ["waiting for orders (1 of 3)"] * 4


def test_only_stacks_of_its_own_are_ever_taken_down() -> None:
    name = new_name()
    assert len(name) <= 20 and name != new_name()
    ensure_ours(name)
    for other in ("orderstream", "orders-accept-", "orders-accept-0a1b2c3", "orders-accept-xyzxyz", ""):
        with pytest.raises(InputError, match="not a stack that orders stack accept created"):
            ensure_ours(other)
