"""`orders archive seal`: record the content of each past hour."""

from typing import Annotated

import typer

from orderstream.archive.maintenance import maintain
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import find_to_change, span_of
from orderstream.output import archive as show
from orderstream.output import console
from orderstream.recovery.reprocess import settings_of

app = typer.Typer()


@app.command(epilog="Example: orders archive seal")
def seal(
    since: options.Since = None,
    until: options.Until = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Also seal late objects with unknown records.")
    ] = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Record the content of each past hour in a manifest that contains the hash of the previous one.

    Then `orders archive audit` detects every alteration, removal and insertion. Ends with status 1 if a
    late object has records that are not known from elsewhere: check it, then --accept it or remove it.
    """
    where, location = find_to_change(stack, region, profile)
    span = span_of(where.cloud, since, until)
    currency = settings_of(where).currency
    with console.progress() as progress:
        progress("listing the archive")
        kept = maintain(where, span, compacting=False, currency=currency, accept=accept, progress=progress)
    show.print_maintenance(kept, location, as_json=as_json)
    raise typer.Exit(1 if kept.late or kept.problems else 0)
