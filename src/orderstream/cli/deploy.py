"""`orders deploy`: deploy a stack."""

from contextlib import ExitStack
from datetime import timedelta
from typing import Annotated, Literal

import typer

from orderstream.aws.clients import AwsClients
from orderstream.aws.location import Location
from orderstream.aws.stack import DEFAULT_STACK, describe_stack
from orderstream.aws.times import parse_time_range
from orderstream.cli import environment, options
from orderstream.cli.options import cloud_of, confirm_on_aws, say_where
from orderstream.deploy.rollback_alarm import MOST_MINUTES
from orderstream.errors import InputError
from orderstream.output import console
from orderstream.output import deploy as show
from orderstream.output.model import print_comparison

# `deploy` is imported when the command runs, so that the others start faster.
app = typer.Typer()


@app.command(epilog="Example: orders deploy --parameter ShardCount=4 --parameter ArchiveMaintenance=compact")
def deploy(
    parameter: options.Parameters = None,
    parameter_set: Annotated[
        Literal["small"] | None,
        typer.Option(help="Parameters for a purpose, which --parameter and the project override."),
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
    max_newly_refused: Annotated[
        int,
        typer.Option(
            help="How many records that were orders an edited order model may refuse.",
            metavar="NUMBER",
            min=0,
        ),
    ] = 0,
    check_since: Annotated[
        str,
        typer.Option(help="Age of the records that an edited order model is checked with.", metavar="AGE"),
    ] = "24h",
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Deploy a stack to AWS or the local cloud.

    Builds and checks the functions, shows the changes, and deploys them.

    Parameters that are not given keep their values. Tables and buckets that an earlier stack of this name
    left are adopted, with the settings of the template. An edited order model is run over the latest records
    of the archive first, and must refuse none that was an order.

    On AWS it asks for confirmation if it runs in a terminal. It always asks if the stream, the table or a
    bucket would be removed or replaced, unless --yes. An update that makes the function fail is rolled back.
    """
    from orderstream.capacity.parameter_sets import SETS
    from orderstream.deploy import deploy as deploying
    from orderstream.deploy.parameters import checked

    chosen = SETS[parameter_set] if parameter_set else {}
    values = checked(parameter or (), {**chosen, **environment.parameters()})
    cloud = cloud_of(region, profile)
    location = say_where(cloud, stack)
    if rollback:
        if parameter or parameter_set:
            raise InputError("--rollback does not change parameters", hint="roll back first, then deploy")
        _roll_back(cloud, stack, location, dry_run=dry_run, yes=yes, as_json=as_json)
        return
    _check(cloud, stack, parse_time_range(check_since), max_newly_refused)
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
                console.confirm(f"Deploy this to {location} anyway?", doing=doing)
            else:
                confirm_on_aws(location, "Deploy this to", doing=doing, yes=yes)
            with console.progress() as progress:
                done = deploying.execute(cloud, plan, progress=progress)
    where = show.print_location(stack=stack, usual_stack=DEFAULT_STACK, region=region, profile=profile)
    show.print_deployment(plan, done, location, where=where, dry_run=dry_run, as_json=as_json)


def _check(cloud: AwsClients, stack: str, age: timedelta, most: int) -> None:
    """Say what an upgrade changes; run an edited order model over the latest records of the archive."""
    from orderstream.deploy.model_gate import check_model, ensure_accepted
    from orderstream.deploy.upgrade import upgrade_notes

    found = describe_stack(cloud, stack)
    show.print_upgrade(*upgrade_notes(stack, found))
    with console.progress() as progress:
        checked = check_model(cloud, stack, found, age=age, progress=progress)
    if checked is not None:
        print_comparison(checked, on=console.err)
        ensure_accepted(checked, most)


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
