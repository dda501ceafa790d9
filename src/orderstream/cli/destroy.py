"""`orders destroy`: remove a stack."""

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import cloud_of, say_where
from orderstream.output import console
from orderstream.output import destroy as show

# `deploy` is imported when the command runs, so that the others start faster.
app = typer.Typer()


@app.command(epilog="Example: orders destroy --delete-data")
def destroy(
    dry_run: options.DryRun = False,
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Delete the table and the buckets too, with every version.")
    ] = False,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Remove a stack; the table and the buckets stay.

    Lists everything that the stack has, and removes it. --delete-data deletes the table and the buckets too.

    It asks you to type the name of the stack; outside a terminal it requires --yes. After an interruption
    the same command continues. Ends with status 1 if something remains that should have been deleted, for
    example because of Object Lock.
    """
    from orderstream.deploy import destroy as destroying
    from orderstream.deploy.inventory import collect

    cloud = cloud_of(region, profile)
    location = say_where(cloud, stack)
    with console.progress() as progress:
        found = collect(cloud, stack, progress=progress)
    if dry_run or found.is_empty or not as_json:
        show.print_inventory(found, location, delete_data=delete_data, as_json=as_json)
    if dry_run or found.is_empty:
        return
    destroying.ensure_unprotected(found)
    if not yes:
        console.confirm(
            f"Remove stack {stack} in {location}? It cannot be undone.",
            doing=f"removing stack {stack}",
            name=stack,
        )
    with console.progress() as progress:
        done = destroying.destroy(
            cloud,
            found,
            delete_data=delete_data,
            tell=console.step,
            progress=progress,
        )
    show.print_destroy(found, done, location, delete_data=delete_data, as_json=as_json)
    raise typer.Exit(1 if done.left else 0)
