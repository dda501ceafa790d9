"""`orders dead-letters list`: list the batches that Lambda discarded."""

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack
from orderstream.output import dead_letters as show
from orderstream.recovery import dead_letters

app = typer.Typer()


@app.command("list", epilog="Example: orders dead-letters list --json")
def list_(
    include_done: options.IncludeDone = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """List the batches that Lambda discarded and that were not redriven yet, oldest first."""
    found = resolve_stack(stack, region, profile)
    listed = dead_letters.batches_to_show(found, everything=include_done)
    show.print_failures(sorted(listed, key=lambda one: one.at.timestamp()), as_json=as_json)
