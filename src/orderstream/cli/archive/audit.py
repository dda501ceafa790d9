"""`orders archive audit`: detect what was altered, removed or inserted."""

from pathlib import Path
from typing import Annotated

import typer

from orderstream.archive.audit import audit as auditing
from orderstream.archive.manifests import head_of
from orderstream.archive.receipt import stamped_in
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import EMPTY_HINT, resolve_stack, span_of
from orderstream.errors import EmptyError
from orderstream.output import archive as show
from orderstream.output import console

app = typer.Typer()


@app.command(epilog="Example: orders archive audit --head 42:9f86d081884c7d65…")
def audit(
    since: options.Since = None,
    until: options.Until = None,
    head: Annotated[
        str | None,
        typer.Option(help="NUMBER:SHA256 of an earlier audit: that manifest must still exist."),
    ] = None,
    receipt: Annotated[
        Path | None, typer.Option(help="The receipt of an erasure: it must match the recorded one.")
    ] = None,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Hash every object, compare it with the manifests, and list what was altered, removed or inserted.

    Ends with status 1 if there is a finding, and with status 4 if there was nothing to audit. Store the
    head that it prints where nobody who can write to the bucket can change it. Then a forged chain of
    manifests is detected by its head.
    """
    noted = head_of(head) if head else None
    stamped = stamped_in(receipt) if receipt else None
    found = resolve_stack(stack, region, profile)
    with console.progress() as progress:
        span = span_of(found.cloud, since, until)
        done = auditing(found, span, noted=noted, receipt=stamped, progress=progress)
    show.print_audit(done, span, as_json=as_json)
    if done.is_empty and not (noted or stamped):
        raise EmptyError(f"there was nothing to audit: no object of an hour {span}", hint=EMPTY_HINT)
    raise typer.Exit(1 if done.findings else 0)
