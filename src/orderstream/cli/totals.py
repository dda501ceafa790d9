"""`orders totals`: print sums over orders, compare them with the table, or rebuild them."""

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import confirm_on_aws, find_to_change, resolve_stack, span_of
from orderstream.errors import InputError
from orderstream.output import console
from orderstream.output import totals as show
from orderstream.recovery import totals as recovery
from orderstream.storage.bucket import TimeRange
from orderstream.storage.totals import Dimension, read_totals

app = typer.Typer()
_SINCE = "1h"


@app.command(epilog="Example: orders totals --by customer --since 1h")
def totals(
    by: Annotated[
        list[Dimension] | None,
        typer.Option(help="By what to tell orders apart, beside the currency. Repeatable."),
    ] = None,
    since: options.Since = None,
    until: options.Until = None,
    limit: options.Limit = 50,
    check: Annotated[
        bool, typer.Option("--check", help="Compare the totals with the orders in the table instead.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Count all orders in the table anew instead.")
    ] = False,
    as_json: options.AsJson = False,
    yes: options.Yes = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Print how many orders arrived, and what they amount to, by currency.

    The sums are of the orders that arrived from --since (default: an hour ago) to --until, in whole minutes,
    with what became of them since: refunded amounts are negative, and net is what was captured and not
    refunded. By hour or minute, the latest comes first; else the highest total of each currency.

    --check reads both tables, and ends with status 1 if they differ; without --since it compares all. With
    --rebuild, orders may go on arriving; until it ends, the totals are incomplete. On AWS it asks for
    confirmation if it runs in a terminal.
    """
    if (check and rebuild) or ((check or rebuild) and by):
        raise InputError("--by, --check and --rebuild exclude each other")
    if rebuild:
        if since or until:
            raise InputError("--rebuild counts all orders: --since and --until do not go with it")
        found, location = find_to_change(stack, region, profile)
        # A stack without totals is not asked about.
        _ = found.totals_table
        confirm_on_aws(location, "Count all orders anew in", doing="rebuilding the totals", yes=yes)
        with console.progress() as progress:
            counted = recovery.rebuild(found, progress=progress)
        show.print_rebuilt(counted, location, as_json=as_json)
        return
    found = resolve_stack(stack, region, profile)
    if check:
        with console.progress() as progress:
            result = recovery.check(found, span_of(found.cloud, since, until), progress=progress)
        show.print_check(result, as_json=as_json)
        raise typer.Exit(1 if result.differences else 0)
    span: TimeRange = span_of(found.cloud, since or _SINCE, until)
    with console.progress() as progress:
        report = read_totals(found, span, by or (), progress=progress)
    show.print_totals(report, by or (), limit, as_json=as_json)
