"""`orders model check`: run the order model over the archive."""

import typer

from orderstream.archive.model_comparison import compare_model
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import EMPTY_HINT, resolve_stack, span_of
from orderstream.domain.user_model import order_model
from orderstream.errors import EmptyError
from orderstream.output import console
from orderstream.output import model as show

app = typer.Typer()


@app.command(epilog="Example: orders model check --since 30d")
def check(
    since: options.Since = None,
    until: options.Until = None,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Run the order model over the records of the archive; nothing is written.

    Reports what it newly refuses, newly accepts and would store differently, by reason, with samples. Ends
    with status 1 if it refuses a record that was an order or an event, and with status 4 if there was no
    record.
    """
    # A mistake in it is reported before anything is read.
    order_model()
    found = resolve_stack(stack, region, profile)
    span = span_of(found.cloud, since, until)
    with console.progress() as progress:
        done = compare_model(found, span, progress=progress)
    show.print_comparison(done, as_json=as_json)
    if not (done.records or done.damaged):
        raise EmptyError(f"the archive has no record {span}", hint=EMPTY_HINT)
    raise typer.Exit(1 if done.newly_refused or done.damaged else 0)
