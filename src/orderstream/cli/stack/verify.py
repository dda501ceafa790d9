"""`orders stack verify`: reconcile stream, archive, table and quarantine."""

from typing import Annotated

import typer

from orderstream.aws.deployment import find_deployment
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import EMPTY_HINT, cloud_of, say_where, span_of
from orderstream.errors import EmptyError
from orderstream.output import console
from orderstream.output import reconciliation as show
from orderstream.recovery import verify as verifying

app = typer.Typer()


@app.command(epilog="Example: orders stack verify --since 24h --repair")
def verify(
    since: options.Since = None,
    until: options.Until = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Insert or quarantine what is missing; overwrite nothing.")
    ] = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
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
    with console.progress() as progress:
        if repair:
            repaired, report = verifying.verify_and_repair(found, span, progress=progress)
        else:
            report = verifying.verify(found, span, progress=progress)
    show.print_reconciliation(report, repaired, location, as_json=as_json)
    if report.is_empty:
        raise EmptyError(f"there was nothing to check: no record arrived {report.span}", hint=EMPTY_HINT)
    raise typer.Exit(1 if report.discrepancies else 0)
