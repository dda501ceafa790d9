"""`orders trace`: print everything that happened to an order."""

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack, span_of
from orderstream.lookup import trace as tracing
from orderstream.output import console
from orderstream.output import orders as show

app = typer.Typer()


@app.command(epilog="Example: orders trace 9f86d081884c7d65")
def trace(
    order_id: options.OrderId,
    since: options.Since = None,
    until: options.Until = None,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Trace an order from its origin to its current state.

    Without --since and --until, repeats of an order in the table are only searched if the archive has few
    objects since it arrived; otherwise a hint says so.
    """
    found = resolve_stack(stack, region, profile)
    with console.progress() as progress:
        span = span_of(found.cloud, since, until)
        order_trace = tracing.trace(found, order_id, span, quick=not (since or until), progress=progress)
    show.print_trace(order_trace, as_json=as_json)
