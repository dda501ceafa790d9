"""`orders archive replay`: rebuild the table from the archive."""

from decimal import Decimal
from typing import Annotated

import typer

from orderstream.archive.checkpoint import Checkpoint
from orderstream.archive.plan import Destination, plan
from orderstream.archive.replay import Selection, with_events
from orderstream.archive.replay import replay as replaying
from orderstream.archive.targets import StreamTarget, TableTarget
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import EMPTY_HINT, confirm_on_aws, find_to_change, span_of
from orderstream.errors import EmptyError
from orderstream.output import archive as show
from orderstream.output import console

app = typer.Typer()


@app.command(epilog="Example: orders archive replay --since 2026-11-22 --until 2026-11-23 --dry-run")
def replay(
    since: options.Since = None,
    until: options.Until = None,
    customer: Annotated[str | None, options.CUSTOMER] = None,
    order: Annotated[str | None, options.ORDER] = None,
    to: Annotated[
        Destination, typer.Option(help="Insert the items, or put the records on the stream.")
    ] = "table",
    rate: Annotated[Decimal | None, options.RATE] = None,
    dry_run: options.DryRun = False,
    restart: Annotated[bool, typer.Option("--restart", help="Start over after an interruption.")] = False,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Rebuild the tables from the archive: existing items and events stay, missing ones are inserted.

    With --to table, missing items and events are inserted as they were. With --to stream, records go through
    the whole pipeline under their old identity, and are archived again. Without --rate, the speed is not
    limited. Repeating it is harmless. After an interruption the same command continues. On AWS it asks
    for confirmation if it runs in a terminal. Ends with status 1 if anything could not be replayed, and
    with status 4 if there was nothing to replay.
    """
    found, location = find_to_change(stack, region, profile)
    words = ["replay", found.bucket, to, *(word or "" for word in (since, until, customer, order))]
    journal = Checkpoint(words, span_of(found.cloud, since, until), restart=restart)
    selection = Selection(journal.span, customer, order)
    per_second = float(rate) if rate else None
    with console.progress() as progress:
        planned = plan(found, selection, to=to, rate=per_second, progress=progress)
    show.print_replay_plan(planned, selection, location, to=to, as_json=as_json and dry_run)
    if dry_run:
        return
    if planned.objects:
        confirm_on_aws(location, f"Replay this to the {to} of", doing="the replay", yes=yes)
    if journal.is_resumed:
        console.step(f"continuing after {journal.after} (--restart starts over)")
    target = TableTarget(found) if to == "table" else StreamTarget(found)
    with console.progress() as progress:
        done = replaying(
            found,
            with_events(found, selection),
            target,
            after=journal.after,
            rate=per_second,
            checkpoint=journal.save,
            progress=progress,
            expected=planned.events,
        )
    journal.clear()
    show.print_replay(done, location, as_json=as_json)
    if not (done.read or done.damaged or journal.is_resumed):
        raise EmptyError(
            f"there was nothing to replay: the archive has no such record {journal.span}", hint=EMPTY_HINT
        )
    raise typer.Exit(1 if done.failed or done.damaged else 0)
