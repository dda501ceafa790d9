"""`orders adopt`: move the orders of a pipeline that was made by hand."""

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import confirm_on_aws, find_to_change
from orderstream.errors import EmptyError
from orderstream.migration.adopt import Migration
from orderstream.migration.sources import LegacySources
from orderstream.migration.store import LegacyStore
from orderstream.output import adopt as show
from orderstream.output import console

app = typer.Typer()


@app.command(
    epilog="Example: orders adopt --from-table Orders --from-bucket order-data-archive --stack shop --dry-run"
)
def adopt(
    from_table: Annotated[
        str | None, typer.Option(metavar="NAME", help="The old table: its key is OrderID.")
    ] = None,
    from_bucket: Annotated[
        str | None, typer.Option(metavar="NAME", help="The old bucket: it has an object for each order.")
    ] = None,
    from_stream: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The old stream, for records that were never stored."),
    ] = None,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Move the orders of a pipeline that was made by hand into a stack, and compare both.

    Reads the old table, bucket and stream and changes nothing there. Orders that the stack lacks are put on
    its stream under their OrderID, and the function does the rest. Then every order is compared: customer,
    amount and date.

    Repeating it is harmless, and moves what was added meanwhile. On AWS it asks for confirmation if it runs
    in a terminal. Ends with status 1 if an order differs or could not be moved, and with status 4 if there
    was no order.
    """
    sources = LegacySources(from_table, from_bucket, from_stream)
    found, location = find_to_change(stack, region, profile)
    with LegacyStore() as store:
        migration = Migration(store, found, sources)
        with console.progress() as progress:
            report = migration.read(progress)
        if not report.orders:
            raise EmptyError("there was nothing to adopt: no order was found", hint="are these the names?")
        if migration.absent and not dry_run:
            show.print_migration_plan(report)
            confirm_on_aws(location, f"Move these orders to stack {stack} in", doing="the migration", yes=yes)
            with console.progress() as progress:
                report = migration.move(progress)
    show.print_migration(report, location, as_json=as_json)
    raise typer.Exit(1 if report.is_wrong else 0)
