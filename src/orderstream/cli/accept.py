"""The command that checks a deployment: accept."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from orderstream.cli.options import AsJson, Profile, Region, cloud_of
from orderstream.errors import InputError
from orderstream.output import accept as show
from orderstream.output import console
from orderstream.output.deploy import print_location

# Imported when the command runs, so that the others start faster.
commands = typer.Typer()

# Taking down is not bounded; it is reckoned as an hour.
_HOURS_TO_TAKE_DOWN = 1


@commands.command(epilog="Example: orders accept --report acceptance.json")
def accept(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the plan and the list of checks.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the stack after the checks.")] = False,
    timeout: Annotated[float, typer.Option(help="Minutes after which no further check starts.", min=1)] = 180,
    report: Annotated[Path | None, typer.Option(help="File for the report, as JSON.")] = None,
    clean_up: Annotated[
        str | None, typer.Option(metavar="STACK", help="Only remove what a run of this name has left.")
    ] = None,
    as_json: AsJson = False,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Deploy a temporary stack, check on it what only AWS can show, and remove everything.

    Prints where it acts, what it creates and the most that it can cost, and asks for confirmation.
    Existing stacks are not touched. An interruption removes everything too. Ends with status 0 if every
    check that can be shown in this environment passed.
    """
    from orderstream.acceptance import cost
    from orderstream.acceptance.check import CheckResult, all_is_well
    from orderstream.acceptance.checks import CHECKS
    from orderstream.acceptance.context import context_of, ensure_ours, new_name
    from orderstream.acceptance.deployer import documents_of
    from orderstream.acceptance.leftovers import ensure_free
    from orderstream.acceptance.report import report as report_of
    from orderstream.acceptance.run import run
    from orderstream.aws.pricing import reference_data

    if report and not report.parent.is_dir():
        raise InputError(
            f"{report}: there is no folder {report.parent}", hint="make it, or name another file"
        )
    name = clean_up or new_name()
    ensure_ours(name)
    cloud = cloud_of(region, profile)
    options = print_location(stack="", usual_stack="", region=region, profile=profile)
    command = f"orders accept --clean-up {name}{options}"
    results: list[CheckResult] = []

    def told(result: CheckResult) -> None:
        results.append(result)
        show.print_check(result)

    with console.working() as progress:
        context = context_of(cloud, name, documents=documents_of, progress=progress, keep=keep)
        if not clean_up:
            ensure_free(context)
    began = cloud.now()
    if clean_up:
        show.print_cleanup(context)
    else:
        hours = Decimal(str(timeout)) / 60 + _HOURS_TO_TAKE_DOWN
        bill = cost.most(reference_data(), hours=hours, year=began.year)
        show.print_plan(context, CHECKS, bill, minutes=timeout, region=reference_data().region)
    if dry_run:
        show.print_checks(CHECKS)
        return
    if not yes:
        console.confirm("Go on?", doing=f"orders accept in {show.print_place(context)}")
    if not clean_up:
        show.print_resume_hint(command)
    try:
        with console.working() as progress:
            context.progress = progress
            run(context, [one for one in CHECKS if one.always or not clean_up], minutes=timeout, told=told)
    except KeyboardInterrupt:
        show.print_interrupted(command)
    found = report_of(context, results, began=began, ended=cloud.now())
    if as_json:
        console.print_json(found)
    else:
        show.print_results(results)
    if keep:
        show.print_kept(name, command)
    if report:
        console.write_json(report, found)
    raise typer.Exit(0 if all_is_well(results) else 1)
