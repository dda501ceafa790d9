"""The verbs about the archive: replay."""

from __future__ import annotations

from typing import Annotated

import typer

from orderstream.archive.journal import Journal
from orderstream.archive.plan import Destination, plan
from orderstream.archive.replay import Selection
from orderstream.archive.replay import replay as replaying
from orderstream.archive.targets import ToStream, ToTable
from orderstream.cli.options import AsJson, Profile, Region, Since, StackName, Until, find, span_of
from orderstream.ops.stack import DEFAULT_STACK
from orderstream.show import archive as show
from orderstream.show import console

verbs = typer.Typer()


@verbs.command(epilog="Example: orders replay --since 2026-11-22 --until 2026-11-23 --dry-run")
def replay(
    since: Since = None,
    until: Until = None,
    customer: Annotated[str | None, typer.Option(help="Only orders of this customer.")] = None,
    order: Annotated[str | None, typer.Option(help="Only the order with this id.")] = None,
    to: Annotated[
        Destination, typer.Option(help="Insert the items, or put the records on the stream again.")
    ] = "table",
    rate: Annotated[float | None, typer.Option(help="At most so many events a second.", min=0.1)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew after an interruption.")] = False,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Bring orders of the archive to the table again: what is there stays, what is missing comes back.

    To the table an item comes back as it was. To the stream an order goes under its old identity, with a new
    arrival, and is archived again. Doing it twice is harmless; interrupted, the same command goes on where
    it was. Ends with status 1 if anything could not be replayed.
    """
    cloud, found = find(stack, region, profile)
    words = ["replay", found.bucket, to, *(word or "" for word in (since, until, customer, order))]
    journal = Journal(words, span_of(since, until), restart=restart)
    selection = Selection(journal.span, customer, order)
    planned = plan(cloud, found, selection, to=to, rate=rate)
    show.replay_plan(planned, selection, to=to, as_json=as_json and dry_run)
    if dry_run:
        return
    if journal.is_resumed:
        console.step(f"going on after {journal.after} (--restart begins anew)")
    target = ToTable(cloud, found) if to == "table" else ToStream(cloud, found)
    with console.counting("events replayed") as count:
        done = replaying(
            cloud,
            found,
            selection,
            target,
            after=journal.after,
            rate=rate,
            checkpoint=journal.note,
            progress=lambda done: count(done.read, planned.events),
        )
    journal.forget()
    show.replayed(done, as_json=as_json)
    raise typer.Exit(1 if done.failed or done.damaged else 0)
