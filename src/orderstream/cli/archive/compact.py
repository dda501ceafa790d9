"""`orders archive compact`: compact the objects of each past hour."""

import typer

from orderstream.archive.maintenance import maintain, waiting
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import find_to_change, span_of
from orderstream.output import archive as show
from orderstream.output import console
from orderstream.recovery.reprocess import settings_of

app = typer.Typer()


@app.command(epilog="Example: orders archive compact --until 7d --dry-run")
def compact(
    since: options.Since = None,
    until: options.Until = None,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Seal each past hour, and compact its objects into one Parquet file.

    Readers see no difference. The file is written, read back and recorded in a manifest before the
    objects are deleted. An interruption loses nothing, and the same command continues. Ends with status 1
    if an hour could not be compacted.
    """
    where, location = find_to_change(stack, region, profile)
    span = span_of(where.cloud, since, until)
    if dry_run:
        with console.steps() as tell:
            tell("listing the archive")
            hours = waiting(where, span)
        show.print_waiting(hours, as_json=as_json)
        return
    currency = settings_of(where).currency
    with console.progress() as progress:
        progress("listing the archive")
        kept = maintain(where, span, compacting=True, currency=currency, progress=progress)
    show.print_maintenance(kept, location, as_json=as_json)
    raise typer.Exit(1 if kept.late or kept.problems else 0)
