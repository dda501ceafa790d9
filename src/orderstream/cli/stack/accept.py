"""`orders stack accept`: test a deployment on AWS."""

from decimal import Decimal
from typing import Annotated

import typer

from orderstream.cli import options
from orderstream.cli.options import cloud_of
from orderstream.errors import InputError
from orderstream.output import accept as show
from orderstream.output import console
from orderstream.output.deploy import print_location

# `acceptance` is imported when the command runs, so that the others start faster.
app = typer.Typer()

# The removal has no time limit; the estimate of the cost assumes an hour.
_HOURS_OF_REMOVAL = 1


@app.command(epilog="Example: orders stack accept --output acceptance.json")
def accept(
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the stack after the checks.")] = False,
    timeout: Annotated[float, typer.Option(help="Minutes after which no further check starts.", min=1)] = 180,
    output: options.OutputFile = None,
    clean_up: Annotated[
        str | None, typer.Option(metavar="STACK", help="Only remove what a run of this name left behind.")
    ] = None,
    as_json: options.AsJson = False,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Deploy a temporary stack, check on it what only AWS can show, and remove everything.

    Prints where it acts, what it creates and the most that it can cost, and asks for confirmation. It does
    not touch existing stacks. If it is interrupted, it removes everything too. --output also writes the
    report, as JSON. Ends with status 0 if every check that can run in this environment passed.
    """
    from orderstream.acceptance import cost
    from orderstream.acceptance.check import CheckResult, all_is_well
    from orderstream.acceptance.checks import CHECKS
    from orderstream.acceptance.context import context_of, ensure_ours, new_name
    from orderstream.acceptance.deployer import documents_of
    from orderstream.acceptance.leftovers import ensure_free
    from orderstream.acceptance.report import report
    from orderstream.acceptance.run import run
    from orderstream.capacity.prices import REGION

    if output and not output.parent.is_dir():
        raise InputError(
            f"{output}: there is no folder {output.parent}", hint="create it, or give another file"
        )
    name = clean_up or new_name()
    ensure_ours(name)
    cloud = cloud_of(region, profile)
    where = print_location(stack="", usual_stack="", region=region, profile=profile)
    command = f"orders stack accept --clean-up {name}{where}"
    results: list[CheckResult] = []

    def told(result: CheckResult) -> None:
        results.append(result)
        show.print_check(result)

    with console.progress() as progress:
        context = context_of(cloud, name, documents=documents_of, progress=progress, keep=keep)
        if not clean_up:
            ensure_free(context)
    began = cloud.now()
    if clean_up:
        show.print_cleanup(context)
    else:
        hours = Decimal(str(timeout)) / 60 + _HOURS_OF_REMOVAL
        bill = cost.most(hours=hours, year=began.year)
        show.print_plan(context, CHECKS, bill, minutes=timeout, region=REGION)
    if dry_run:
        show.print_checks(CHECKS)
        return
    if not yes:
        console.confirm("Continue?", doing=f"orders stack accept in {show.print_place(context)}")
    if not clean_up:
        show.print_resume_hint(command)
    try:
        with console.progress() as progress:
            context.progress = progress
            run(context, [one for one in CHECKS if one.always or not clean_up], minutes=timeout, told=told)
    except KeyboardInterrupt:
        show.print_interrupted(command)
    found = report(context, results, began=began, ended=cloud.now())
    if as_json:
        console.print_json(found)
    else:
        show.print_results(results)
    if keep:
        show.print_kept(name, command)
    if output:
        console.write_json(output, found)
    raise typer.Exit(0 if all_is_well(results) else 1)
