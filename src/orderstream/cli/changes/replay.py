"""`orders changes replay`: announce changes of orders again."""

from contextlib import ExitStack
from decimal import Decimal
from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import confirm_on_aws, find_to_change, span_of
from orderstream.errors import EmptyError
from orderstream.lookup.change_filter import change_filter
from orderstream.output import changes as show
from orderstream.output import console
from orderstream.recovery.change_replay import Replay
from orderstream.recovery.table_scan import scan_items
from orderstream.storage.orders import stored_order

app = typer.Typer()


@app.command(epilog="Example: orders changes replay --since 2h --dry-run")
def replay(
    since: options.Since = None,
    until: options.Until = None,
    order: Annotated[str | None, options.ORDER] = None,
    where: Annotated[str | None, options.WHERE] = None,
    rate: Annotated[Decimal | None, options.RATE] = None,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Announce changes of orders again on the change feed, for consumers that are new or have lost some.

    Every version of the selected orders is announced, from the first to the present one, under the ids that
    they had: a consumer ignores those that it has. They come from the tables, as if the events had arrived in
    the order in which they apply.

    --since and --until select orders of which anything arrived then, --where orders by their last version,
    with a condition as in orders changes tail. Without any of these it announces all orders. On AWS it asks
    for confirmation if it runs in a terminal. Ends with status 1 if anything could not be announced, and with
    status 4 if there was nothing to announce.
    """
    found, location = find_to_change(stack, region, profile)
    span = span_of(found.cloud, since, until)
    work = Replay(found, rate=float(rate) if rate else None, dry_run=dry_run)
    if not dry_run:
        confirm_on_aws(location, "Announce these changes to the consumers of", doing="the replay", yes=yes)
    with ExitStack() as held:
        condition = held.enter_context(change_filter(where)) if where else None
        items = [stored_order(found, order)] if order else scan_items(found)
        progress = held.enter_context(console.progress())
        done = work.run(items, span, select=condition.select if condition else None, progress=progress)
    show.print_replayed(done, location, dry_run=dry_run, as_json=as_json)
    if not done.orders:
        raise EmptyError("there was nothing to announce", hint="no order has been selected")
    raise typer.Exit(1 if done.failed else 0)
