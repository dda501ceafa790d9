"""`orders quarantine list`: list the records in quarantine."""

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack, span_of
from orderstream.output import quarantine as show
from orderstream.recovery import quarantine

app = typer.Typer()


@app.command("list", epilog="Example: orders quarantine list --since 2h --code not_positive")
def list_(
    since: options.Since = None,
    until: options.Until = None,
    code: options.ReasonCode = None,
    include_done: options.IncludeDone = False,
    limit: options.Limit = 100,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """List the records in quarantine that were not resubmitted yet, oldest first."""
    where = resolve_stack(stack, region, profile)
    found = quarantine.list_quarantined(where, span_of(where.cloud, since, until), reason=code)
    wanted = (entry for entry in found if include_done or not entry.notes)
    show.print_quarantine(show.until_most(wanted, limit), as_json=as_json)
