"""`orders model diff`: show what an edited order model changes, and what breaks."""

from pathlib import Path
from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import cloud_of
from orderstream.output import model as show
from orderstream.project.schema import published_schema, read_schema, schema_changes

app = typer.Typer()


@app.command(epilog="Example: orders model diff --env prod")
def diff(
    file: Annotated[
        Path | None, typer.Argument(help="Output of `orders model schema`. Default: the deployed model.")
    ] = None,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Show what the order model changes, in its fields and its lifecycle, and what breaks.

    Compares it with the model that a stack was deployed with, or with a file. Ends with status 1 if
    something breaks: records that were accepted may be refused, a field is no longer stored, or an event may
    no longer follow.
    """
    from orderstream.deploy.deployed_model import deployed_schema

    before = read_schema(file) if file else deployed_schema(cloud_of(region, profile), stack)
    changes = schema_changes(before, published_schema())
    show.print_schema_changes(changes, as_json=as_json)
    raise typer.Exit(1 if any(change.breaks for change in changes) else 0)
