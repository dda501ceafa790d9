"""`orders quarantine resubmit`: put edited records back on the stream."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import find_to_change, span_of
from orderstream.errors import InputError
from orderstream.output import quarantine as show
from orderstream.recovery import quarantine
from orderstream.recovery.patch import parse_patch

app = typer.Typer()


@app.command(epilog="Example: orders quarantine resubmit --all --code unknown_currency --set currency=EUR")
def resubmit(
    event_ids: Annotated[list[str] | None, typer.Argument(metavar="EVENT_ID", help="The event ids.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that match the filters and were not resubmitted yet.")
    ] = False,
    edit: Annotated[
        str | None,
        typer.Option(help="File with the complete edited record, or - for standard input."),
    ] = None,
    set_: options.SetFields = None,
    since: options.Since = None,
    until: options.Until = None,
    code: options.ReasonCode = None,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Put edited records back on the stream under the same identity. Repeating it is harmless.

    A record that would be quarantined again is not sent, and its reason is printed. Ends with status 1 if
    there is one.
    """
    if bool(event_ids) == everything:
        raise InputError("which records? give their event ids, or --all")
    if edit is not None and (everything or len(event_ids or ()) != 1):
        raise InputError("--edit replaces one order: give exactly one event id")
    settings = [parse_patch(text) for text in set_ or ()]
    edited = _read(edit) if edit is not None else None
    found, _ = find_to_change(stack, region, profile)
    if event_ids:
        entries = iter([quarantine.find(found, event_id) for event_id in event_ids])
    else:
        listed = quarantine.list_quarantined(found, span_of(found.cloud, since, until), reason=code)
        entries = (entry for entry in listed if not entry.notes)
    results = quarantine.resubmit(found, entries, settings=settings, edited=edited, dry_run=dry_run)
    failed = show.print_resubmissions(results, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(1 if failed else 0)


def _read(source: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror}", hint="is the path right?") from None
