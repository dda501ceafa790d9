"""Commands for bad records: quarantine list, show, resubmit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli.options import (
    AsJson,
    Profile,
    Region,
    Since,
    StackName,
    Until,
    find_to_change,
    resolve_stack,
    span_of,
)
from orderstream.errors import InputError
from orderstream.output import recovery as show
from orderstream.recovery import quarantine
from orderstream.recovery.patch import parse_patch

commands = typer.Typer(
    help="Invalid records and conflicts: list, edit and resubmit them.", no_args_is_help=True
)

Reason = Annotated[str | None, typer.Option(help="Only those with this reason, such as not_positive.")]


@commands.command("list", epilog="Example: orders quarantine list --since 2h --reason not_positive")
def list_(
    since: Since = None,
    until: Until = None,
    reason: Reason = None,
    everything: Annotated[bool, typer.Option("--all", help="Include resubmitted records.")] = False,
    limit: Annotated[int, typer.Option(help="At most this many.", min=1)] = 100,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """List the quarantined records that are not resubmitted yet, oldest first."""
    where = resolve_stack(stack, region, profile)
    found = quarantine.list_quarantined(where, span_of(where.cloud, since, until), reason=reason)
    wanted = (entry for entry in found if everything or not entry.notes)
    show.print_quarantine(show.until_most(wanted, limit), as_json=as_json)


@commands.command("show", epilog="Example: orders quarantine show shardId-000000000000:4957…")
def show_(
    event_id: str,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Print a quarantined record: every reason with its path, its origin, and its exact bytes."""
    entry = quarantine.find(resolve_stack(stack, region, profile), event_id)
    show.print_quarantined_record(entry, as_json=as_json)


@commands.command(
    epilog="Example: orders quarantine resubmit --all --reason unknown_currency --set currency=EUR"
)
def resubmit(
    event_ids: Annotated[list[str] | None, typer.Argument(metavar="[EVENT_ID]...")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All records that match the filters and are not resubmitted yet.")
    ] = False,
    edit: Annotated[
        str | None, typer.Option(help="File with the complete edited order, or - for standard input.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A field to set. Repeatable.", metavar="PATH=VALUE"),
    ] = None,
    since: Since = None,
    until: Until = None,
    reason: Reason = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be sent.")] = False,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Put edited records back on the stream under the same identity. To repeat it is harmless.

    A record that would be quarantined again is not sent, and its reason is printed. Ends with status 1 if
    there is one.
    """
    if bool(event_ids) == everything:
        raise InputError("say which records: their event ids, or --all")
    if edit is not None and (everything or len(event_ids or ()) != 1):
        raise InputError("--edit gives one order, so it is for one event id")
    settings = [parse_patch(text) for text in set_ or ()]
    edited = _read(edit) if edit is not None else None
    found, _ = find_to_change(stack, region, profile)
    if event_ids:
        entries = iter([quarantine.find(found, event_id) for event_id in event_ids])
    else:
        listed = quarantine.list_quarantined(found, span_of(found.cloud, since, until), reason=reason)
        entries = (entry for entry in listed if not entry.notes)
    results = quarantine.resubmit(found, entries, settings=settings, edited=edited, dry_run=dry_run)
    failed = show.print_resubmissions(results, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(1 if failed else 0)


def _read(source: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror}", hint="is the path right?") from None
