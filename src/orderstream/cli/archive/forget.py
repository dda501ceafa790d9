"""`orders archive forget`: erase a customer."""

from typing import Annotated

import typer

from orderstream.archive.erasure import erase_customer, nothing_found, plan
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import find_to_change
from orderstream.output import archive as show
from orderstream.output import console
from orderstream.recovery.reprocess import settings_of

app = typer.Typer()


@app.command(epilog="Example: orders archive forget --customer 12345 --dry-run")
def forget(
    customer: Annotated[str, options.CUSTOMER],
    reason: Annotated[
        str, typer.Option(help="Reason for the receipt. Do not name the person.")
    ] = "right to erasure",
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Erase a customer: items, events, archive, quarantine, discarded batches, old versions, local cache.

    Data of other customers keeps every byte. Prints a receipt that states that something was erased and
    why, but not what; `orders archive audit --receipt FILE` verifies it. After an interruption the same
    command continues. Outside a terminal it requires --yes. Ends with status 1 if data remains because
    Object Lock retains it or it cannot be read, and also, without a receipt, if there is no data of the
    customer.
    """
    doing = f"erasing customer {customer}"
    if not dry_run and not yes:
        console.require_terminal(doing)
    where, location = find_to_change(stack, region, profile)
    currency = settings_of(where).currency
    if dry_run or not yes:
        with console.progress() as progress:
            planned = plan(where, customer, currency=currency, progress=progress)
        if planned.is_empty:
            show.print_problems(planned)
            raise nothing_found(customer, planned)
        show.print_erasure_plan(planned, location, as_json=as_json and dry_run)
        if dry_run:
            return
        console.confirm(f"Erase all of this, in {location}? It cannot be undone.", doing=doing)
    with console.progress() as progress:
        stamped = erase_customer(where, customer, reason=reason, currency=currency, progress=progress)
    show.print_erasure(stamped, location, as_json=as_json)
    raise typer.Exit(0 if stamped.receipt.is_complete else 1)
