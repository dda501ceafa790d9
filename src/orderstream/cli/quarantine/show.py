"""`orders quarantine show`: print a record in quarantine."""

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack
from orderstream.output import quarantine as show
from orderstream.recovery import quarantine

app = typer.Typer()


@app.command("show", epilog="Example: orders quarantine show shardId-000000000000:4957…")
def show_(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID", help="The event id.")],
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Print a record in quarantine: its origin, every reason with its path, and its exact bytes."""
    entry = quarantine.find(resolve_stack(stack, region, profile), event_id)
    show.print_quarantined_record(entry, as_json=as_json)
