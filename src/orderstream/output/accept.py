"""Prints the output of `orders stack accept`: location and plan, each check as it ends, and the results."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING

from rich.table import Column
from rich.text import Text

from orderstream.aws.location import Location
from orderstream.output.console import err, hint, out, problem, step, text_of
from orderstream.output.numbers import dollars, length
from orderstream.output.terminal import SafeTable

if TYPE_CHECKING:
    from orderstream.acceptance.check import Check, CheckResult
    from orderstream.acceptance.context import Context
    from orderstream.acceptance.cost import Bill

_COLOURS = {"passed": "green", "failed": "red", "not shown here": "yellow", "not run": "yellow"}
# Services that together cost less than a cent are not listed.
_CENT = Decimal("0.01")


def print_place(context: Context) -> str:
    """Print where the command acts."""
    endpoint = context.cloud.cloudformation.meta.endpoint_url if context.place.is_local else None
    return str(Location(context.region, context.account, endpoint=endpoint))


def print_plan(context: Context, checks: Sequence[Check], bill: Bill, *, minutes: float, region: str) -> None:
    """Print where it acts, what it creates, its duration and maximum cost, before confirmation."""
    step(print_place(context))
    step(
        f"makes stack {context.name} with everything that the template can have, a second stack that fails,"
        " and for single checks a queue, a bucket, a workgroup of Athena and two roles; takes all of it down"
    )
    if context.place.is_local:
        shown = sum(not one.only_aws for one in checks)
        step(f"runs {shown} of {len(checks)} checks, the others can be shown on AWS only; costs nothing")
        return
    total = sum(bill.values(), Decimal(0))
    parts = ", ".join(f"{name} {_up(cost)}" for name, cost in bill.items() if cost >= _CENT)
    expected = sum(one.minutes for one in checks)
    step(
        f"runs {len(checks)} checks in about {length(60 * expected)}, {length(60 * minutes)} at most;"
        f" costs at most {_up(total)} ({parts}; list prices of {region}, without free tiers)"
    )


def print_cleanup(context: Context) -> None:
    """Print what is removed, and where."""
    step(print_place(context))
    step(f"takes down stack {context.name} with its data, and all that its checks made beside it")


def print_resume_hint(command: str) -> None:
    """Print what to do if the command is killed before it has removed everything."""
    step(f"if this is killed before it has taken everything down, go on with: {command}")


def _up(amount: Decimal) -> str:
    return dollars(amount.quantize(_CENT, ROUND_UP))


def print_checks(listed: Sequence[Check]) -> None:
    """Print the available checks."""
    table = SafeTable(Column("check", no_wrap=True), "shows", "where")
    for one in listed:
        table.add_row(one.name, one.shows, "AWS" if one.only_aws else "AWS, local")
    out.print(table)


def print_check(result: CheckResult) -> None:
    """Print a check as it ends."""
    outcome = Text(result.outcome.value, _COLOURS[result.outcome.value])
    err.print(outcome, f"{result.check.name} ({_time(result)}): {_said(result)}")


def print_results(results: Sequence[CheckResult]) -> None:
    """Print all checks, with their evidence or the reason."""
    shown = SafeTable(
        Column("check", no_wrap=True),
        Column("outcome", no_wrap=True),
        "time",
        Column("evidence", overflow="fold"),
    )
    for one in results:
        outcome = Text(one.outcome.value, _COLOURS[one.outcome.value])
        shown.add_row(one.check.name, outcome, _time(one), _said(one))
    out.print(shown)


def _time(result: CheckResult) -> str:
    return length(round(result.seconds, 1))


def _said(result: CheckResult) -> str:
    if result.reason:
        return result.reason
    return ", ".join(f"{name} {text_of(value)}" for name, value in result.evidence.items())


def print_interrupted(command: str) -> None:
    """Print that the cleanup was interrupted."""
    problem("not everything was taken down")
    hint(f"go on with: {command}")


def print_kept(name: str, command: str) -> None:
    """Print that the stack was kept."""
    step(f"stack {name} is still there; take it down with: {command}")
