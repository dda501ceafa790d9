"""Commands for the archive: replay, forget, archive seal, archive compact, archive audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orderstream.archive.audit import audit as auditing
from orderstream.archive.checkpoint import Checkpoint
from orderstream.archive.erasure import erase_customer as erasing
from orderstream.archive.erasure import nothing_found
from orderstream.archive.erasure import plan as plan_erasure
from orderstream.archive.maintenance import maintain, waiting
from orderstream.archive.manifests import head_of
from orderstream.archive.plan import Destination, plan
from orderstream.archive.receipt import stamped_in
from orderstream.archive.replay import Selection
from orderstream.archive.replay import replay as replaying
from orderstream.archive.targets import StreamTarget, TableTarget
from orderstream.aws.deployment import Deployment
from orderstream.aws.location import Location
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli.options import (
    AsJson,
    Profile,
    Region,
    Since,
    StackName,
    Until,
    Yes,
    confirm_on_aws,
    find_to_change,
    resolve_stack,
    span_of,
)
from orderstream.errors import EmptyError
from orderstream.output import archive as show
from orderstream.output import console
from orderstream.recovery.reprocess import settings_of
from orderstream.storage.bucket import TimeRange

commands = typer.Typer()
archive_commands = typer.Typer(
    help="Prove that nothing was tampered with, and compact the archive.", no_args_is_help=True
)

Before = Annotated[str | None, typer.Option(help="Only hours that ended by then: RFC 3339, a date, or 2h.")]


@commands.command(epilog="Example: orders replay --since 2026-11-22 --until 2026-11-23 --dry-run")
def replay(
    since: Since = None,
    until: Until = None,
    customer: Annotated[str | None, typer.Option(help="Only orders of this customer.")] = None,
    order: Annotated[str | None, typer.Option(help="Only the order with this id.")] = None,
    to: Annotated[
        Destination, typer.Option(help="Insert the items, or put the records on the stream.")
    ] = "table",
    rate: Annotated[float | None, typer.Option(help="At most this many events a second.", min=0.1)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Start over after an interruption.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Rebuild the table from the archive: existing items stay, missing ones are inserted.

    With --to table, missing items are inserted as they were. With --to stream, orders go through the
    whole pipeline under their old identity, and are archived again. To repeat it is harmless. After an
    interruption the same command continues. On AWS it asks for confirmation if it runs in a terminal.
    Ends with status 1 if anything could not be replayed, and with status 4 if there was nothing to
    replay.
    """
    found, location = find_to_change(stack, region, profile)
    words = ["replay", found.bucket, to, *(word or "" for word in (since, until, customer, order))]
    journal = Checkpoint(words, span_of(found.cloud, since, until), restart=restart)
    selection = Selection(journal.span, customer, order)
    with console.reading() as listing:
        planned = plan(found, selection, to=to, rate=rate, progress=listing)
    show.print_replay_plan(planned, selection, location, to=to, as_json=as_json and dry_run)
    if dry_run:
        return
    if planned.objects:
        confirm_on_aws(location, f"Replay that to the {to} of", doing="the replay", yes=yes)
    if journal.is_resumed:
        console.step(f"going on after {journal.after} (--restart begins anew)")
    target = TableTarget(found) if to == "table" else StreamTarget(found)
    with console.counting("events replayed") as count:
        done = replaying(
            found,
            selection,
            target,
            after=journal.after,
            rate=rate,
            checkpoint=journal.save,
            progress=lambda done: count(done.read, planned.events),
        )
    journal.clear()
    show.print_replay(done, location, as_json=as_json)
    if not (done.read or done.damaged or journal.is_resumed):
        raise EmptyError(
            f"nothing was there to replay: the archive has no such record {journal.span}",
            hint="--since and --until are in UTC; is it the right stack, region and account?",
        )
    raise typer.Exit(1 if done.failed or done.damaged else 0)


@commands.command(epilog="Example: orders forget --customer 12345 --dry-run")
def forget(
    customer: Annotated[str, typer.Option(help="The customer id, as producers send it.")],
    reason: Annotated[
        str, typer.Option(help="The reason, for the receipt. Do not name the person.")
    ] = "right to erasure",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what exists.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Erase a customer: items, archive, quarantine, discarded batches, old versions, the local cache.

    Data of other customers keeps every byte. Prints a receipt that states that something was erased and
    why, but not what; `orders archive audit --receipt FILE` verifies it. After an interruption the same
    command continues. Outside a terminal it requires --yes. Ends with status 1 if something is left
    (Object Lock retains it, or it cannot be read) and, without a receipt, if nothing of the customer is
    found.
    """
    doing = f"erasing customer {customer}"
    if not dry_run and not yes:
        console.require_terminal(doing)
    where, location = find_to_change(stack, region, profile)
    currency = settings_of(where).currency
    if dry_run or not yes:
        with console.reading() as progress:
            planned = plan_erasure(where, customer, currency=currency, progress=progress)
        if planned.is_empty:
            show.print_problems(planned)
            raise nothing_found(customer, planned)
        show.print_erasure_plan(planned, location, as_json=as_json and dry_run)
        if dry_run:
            return
        console.confirm(f"Erase all of this, in {location}? It cannot be undone.", doing=doing)
    with console.reading() as progress:
        stamped = erasing(where, customer, reason=reason, currency=currency, progress=progress)
    show.print_erasure(stamped, location, as_json=as_json)
    raise typer.Exit(0 if stamped.receipt.is_complete else 1)


@archive_commands.command(epilog="Example: orders archive seal")
def seal(
    since: Since = None,
    before: Before = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Also seal late objects whose records are not known otherwise.")
    ] = False,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Record the content of each past hour in a manifest that contains the hash of the previous one.

    After that, `orders archive audit` detects every alteration, removal and insertion. Ends with status 1
    if a late object has records that are not known otherwise: check it, then --accept it or remove it.
    """
    where, location = find_to_change(stack, region, profile)
    _keep(where, location, span_of(where.cloud, since, before), accept=accept, as_json=as_json)


@archive_commands.command(epilog="Example: orders archive compact --before 7d --dry-run")
def compact(
    since: Since = None,
    before: Before = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be compacted.")] = False,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Seal each past hour, and compact its objects into one Parquet file.

    Readers see no difference. The file is written, read back and recorded in a manifest before the
    objects are deleted. An interruption loses nothing, and the same command continues. Ends with status 1
    if an hour could not be compacted.
    """
    where, location = find_to_change(stack, region, profile)
    span = span_of(where.cloud, since, before)
    if dry_run:
        with console.steps() as tell:
            tell("listing the archive")
            hours = waiting(where, span)
        show.print_waiting(hours, as_json=as_json)
        return
    _keep(where, location, span, compacting=True, as_json=as_json)


@archive_commands.command(epilog="Example: orders archive audit --head 42:9f86d081884c7d65…")
def audit(
    since: Since = None,
    until: Until = None,
    head: Annotated[
        str | None,
        typer.Option(help="NUMBER:SHA256 of an earlier audit: that manifest must still exist."),
    ] = None,
    receipt: Annotated[
        Path | None, typer.Option(help="The receipt of an erasure: it must match the recorded one.")
    ] = None,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Hash every object, compare it with the manifests, and list what was altered, removed or inserted.

    Ends with status 1 if there is a finding, and with status 4 if there was nothing to audit. Store the
    head that it prints where nobody who can write to the bucket can change it. Then a forged chain of
    manifests is detected by its head.
    """
    noted = head_of(head) if head else None
    stamped = stamped_in(receipt) if receipt else None
    found = resolve_stack(stack, region, profile)
    with console.reading() as progress:
        span = span_of(found.cloud, since, until)
        done = auditing(found, span, noted=noted, receipt=stamped, progress=progress)
    show.print_audit(done, span, as_json=as_json)
    if done.is_empty and not (noted or stamped):
        raise EmptyError(
            f"nothing was there to audit: no object of an hour {span}",
            hint="--since and --until are in UTC; is it the right stack, region and account?",
        )
    raise typer.Exit(1 if done.findings else 0)


def _keep(
    where: Deployment,
    location: Location,
    span: TimeRange,
    *,
    compacting: bool = False,
    accept: bool = False,
    as_json: bool,
) -> None:
    currency = settings_of(where).currency
    with console.working() as progress:
        progress("listing", "the archive")
        kept = maintain(
            where, span, compacting=compacting, currency=currency, accept=accept, progress=progress
        )
    show.print_maintenance(kept, location, as_json=as_json)
    raise typer.Exit(1 if kept.late or kept.problems else 0)
