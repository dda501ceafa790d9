"""Commands for discarded batches: dead-letters list, redrive."""

from __future__ import annotations

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli.options import AsJson, Profile, Region, StackName, find_to_change, resolve_stack
from orderstream.output import recovery as show
from orderstream.recovery import dead_letters
from orderstream.recovery import redrive as redriving

commands = typer.Typer(help="Batches that Lambda discarded: list and redrive them.", no_args_is_help=True)


@commands.command("list", epilog="Example: orders dead-letters list --json")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Include those that are done.")] = False,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """List the batches that Lambda discarded and that are not redriven, oldest first."""
    found = resolve_stack(stack, region, profile)
    listed = dead_letters.batches_to_show(found, everything=everything)
    show.print_failures(sorted(listed, key=lambda one: one.at.timestamp()), as_json=as_json)


@commands.command(epilog="Example: orders dead-letters redrive --dry-run")
def redrive(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Redrive every discarded batch through the function.

    A batch is done when each of its records is stored or in quarantine. To repeat it is harmless. Ends
    with status 1 if any batch is not done.
    """
    found, _ = find_to_change(stack, region, profile)
    results = redriving.redrive(found, dead_letters.read_batches(found), dry_run=dry_run)
    left = show.print_redrive(results, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(1 if left and not dry_run else 0)
