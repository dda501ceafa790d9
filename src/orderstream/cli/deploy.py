"""Commands for deployment: deploy, destroy."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from orderstream.aws.clients import AwsClients
from orderstream.aws.location import Location
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli.options import (
    AsJson,
    Profile,
    Region,
    StackName,
    cloud_of,
    confirm_on_aws,
    say_where,
)
from orderstream.deploy.rollback_alarm import MOST_MINUTES
from orderstream.errors import InputError
from orderstream.output import console
from orderstream.output import deploy as show
from orderstream.output import destroy as show_end

# Imported when the commands run, so that the others start faster.
commands = typer.Typer()


@commands.command(epilog="Example: orders deploy --parameter ShardCount=4 --parameter ArchiveUpkeep=compact")
def deploy(
    parameter: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE of a template parameter. Repeatable."),
    ] = None,
    rollback: Annotated[
        bool,
        typer.Option(
            "--rollback", help="Deliver orders to the previous version of the function; change nothing else."
        ),
    ] = False,
    monitor_minutes: Annotated[
        int | None,
        typer.Option(
            help="Minutes during which an update is rolled back if the function fails. Default on AWS: 5.",
            min=0,
            max=MOST_MINUTES,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", help="Do not ask, even if stream, table or buckets would be removed or replaced."
        ),
    ] = False,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Build and check the functions, show the changes, and deploy them to AWS or the local cloud.

    Parameters that are not given keep their values. Tables and buckets that an earlier stack of this name
    left are adopted, with the settings of the template. On AWS it asks for confirmation if it runs in a
    terminal. An update that makes the function fail is rolled back.
    """
    from orderstream.deploy import deploy as deploying
    from orderstream.deploy.parameters import checked

    values = checked(parameter or ())
    cloud = cloud_of(region, profile)
    location = say_where(cloud, stack)
    if rollback:
        if values:
            raise InputError("--rollback changes no parameter", hint="roll back first, and deploy then")
        _roll_back(cloud, stack, location, dry_run=dry_run, yes=yes, as_json=as_json)
        return
    done = None
    with ExitStack() as held:
        with console.steps() as tell:
            planned = deploying.plan_deployment(
                cloud, stack, values, tell=tell, monitor_minutes=monitor_minutes
            )
            plan = held.enter_context(planned)
        show.print_artifacts(plan.artifacts)
        show.print_plan(plan)
        if not (plan.is_empty or dry_run):
            doing = f"deploying stack {stack} as shown"
            if plan.warnings and not yes:
                console.confirm(f"Deploy that all the same to {location}?", doing=doing)
            else:
                confirm_on_aws(location, "Deploy that to", doing=doing, yes=yes)
            with console.working() as progress:
                done = deploying.execute(cloud, plan, progress=progress)
    where = show.print_location(stack=stack, usual_stack=DEFAULT_STACK, region=region, profile=profile)
    show.print_deployment(plan, done, location, where=where, dry_run=dry_run, as_json=as_json)


def _roll_back(
    cloud: AwsClients, stack: str, location: Location, *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    from orderstream.aws.function_versions import move_alias
    from orderstream.deploy.rollback import rollback

    move = rollback(cloud, stack)
    show.print_rollback_plan(move)
    if not dry_run:
        confirm_on_aws(location, "Roll back in", doing=f"rolling back stack {stack}", yes=yes)
        move_alias(move.deployment, move.alias, move.to)
    show.print_rollback(move, location, dry_run=dry_run, as_json=as_json)


@commands.command(epilog="Example: orders destroy --delete-data")
def destroy(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what exists.")] = False,
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Also delete the table and the buckets, with every version.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the stack's name.")] = False,
    as_json: AsJson = False,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """List everything that a stack has, and remove it. Table and buckets stay, unless --delete-data.

    Asks for the stack's name; outside a terminal it requires --yes. After an interruption the same
    command continues. Ends with status 1 if something is left that should be gone, for example by Object
    Lock.
    """
    from orderstream.deploy import destroy as destroying

    cloud = cloud_of(region, profile)
    location = say_where(cloud, stack)
    with console.reading() as progress:
        found = destroying.plan(cloud, stack, progress=progress)
    if dry_run or found.is_empty or not as_json:
        show_end.print_inventory(found, location, delete_data=delete_data, as_json=as_json)
    if dry_run or found.is_empty:
        return
    destroying.ensure_unprotected(found)
    if not yes:
        console.type_name(stack, f"Stack {stack} goes, in {location}.", doing=f"removing stack {stack}")
    with console.working() as events:
        done = destroying.destroy(
            cloud,
            found,
            delete_data=delete_data,
            tell=console.step,
            events=events,
            progress=lambda what, count: events(what, f"{count:,}"),
        )
    show_end.print_destroy(found, done, location, delete_data=delete_data, as_json=as_json)
    raise typer.Exit(1 if done.left else 0)
