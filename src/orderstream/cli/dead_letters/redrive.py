"""`orders dead-letters redrive`: redrive the batches that Lambda discarded."""

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import find_to_change
from orderstream.output import dead_letters as show
from orderstream.recovery import dead_letters
from orderstream.recovery import redrive as redriving

app = typer.Typer()


@app.command(epilog="Example: orders dead-letters redrive --dry-run")
def redrive(
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Redrive every discarded batch through the function.

    A batch is done when each of its records is stored or in quarantine. Repeating it is harmless. Ends
    with status 1 if any batch is not done.
    """
    found, _ = find_to_change(stack, region, profile)
    results = redriving.redrive(found, dead_letters.read_batches(found), dry_run=dry_run)
    left = show.print_redrive(results, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(1 if left and not dry_run else 0)
