"""`orders changes tail`: print the changes of orders as they are announced."""

from contextlib import ExitStack, suppress
from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack, span_of
from orderstream.lookup.change_filter import change_filter, columns
from orderstream.lookup.change_tail import tail as tailing
from orderstream.output import changes as show

app = typer.Typer()

_HELP = f"""Print the changes of orders that the change feed has announced.

The stream retains them for 24 hours. --where is a condition in SQL (DuckDB's dialect) on
{", ".join(columns())}. Type and event have no prefix: paid. Fields that are not announced are null.
With --json, each line is the CloudEvent as consumers get it.

It reads the stream beside its consumers, with at most half of what a shard allows.
"""


@app.command(
    help=_HELP,
    epilog="Example: orders changes tail --since 1h --where \"type = 'paid' AND amount > 1000\"",
)
def tail(
    since: options.Since = "10m",
    order: Annotated[str | None, options.ORDER] = None,
    where: Annotated[str | None, options.WHERE] = None,
    follow: options.Follow = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    found = resolve_stack(stack, region, profile)
    begin = span_of(found.cloud, since, None).since or found.cloud.now()
    with ExitStack() as held, suppress(KeyboardInterrupt):
        condition = held.enter_context(change_filter(where)) if where else None
        changes = tailing(found, begin, follow=follow, order_id=order, condition=condition)
        show.print_changes(changes, as_json=as_json)
