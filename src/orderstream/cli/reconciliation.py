"""Commands for reconciliation: verify, trace."""

from __future__ import annotations

from typing import Annotated

import typer

from orderstream.aws.deployment import find_deployment
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli.options import (
    AsJson,
    Profile,
    Region,
    Since,
    StackName,
    Until,
    cloud_of,
    resolve_stack,
    say_where,
    span_of,
)
from orderstream.errors import EmptyError
from orderstream.lookup import trace as tracing
from orderstream.output import console
from orderstream.output import recovery as show
from orderstream.recovery import verify as verifying

commands = typer.Typer()


@commands.command(epilog="Example: orders verify --since 24h --repair")
def verify(
    since: Since = None,
    until: Until = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Insert or quarantine what is missing; overwrites nothing.")
    ] = False,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Reconcile stream, archive, table and quarantine, and list every discrepancy.

    Ends with status 1 if there is one, and with status 4 if there was nothing to check. Records of the
    last minutes may be in flight.
    """
    cloud = cloud_of(region, profile)
    location = say_where(cloud, stack) if repair else None
    found = find_deployment(cloud, stack)
    span = span_of(cloud, since, until)
    repaired = None
    with console.reading() as progress:
        if repair:
            repaired, report = verifying.verify_and_repair(found, span, progress=progress)
        else:
            report = verifying.verify(found, span, progress=progress)
    show.print_reconciliation(report, repaired, location, as_json=as_json)
    if report.is_empty:
        raise EmptyError(
            f"nothing was there to check: no record arrived {report.span}",
            hint="--since and --until are in UTC; is it the right stack, region and account?",
        )
    raise typer.Exit(1 if report.discrepancies else 0)


@commands.command(epilog="Example: orders trace 9f86d081884c7d65")
def trace(
    order_id: str,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Trace an order: its origin, its current state, and every event in between."""
    found = resolve_stack(stack, region, profile)
    with console.reading() as progress:
        order_trace = tracing.trace(found, order_id, span_of(found.cloud, since, until), progress=progress)
    show.print_trace(order_trace, as_json=as_json)
