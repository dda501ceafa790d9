"""`orders logs`: print the log of a stack's function."""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack, span_of
from orderstream.lookup import log_tail
from orderstream.lookup.log_tail import Function, LogEvent
from orderstream.output import logs as show

# FilterLogEvents allows a few calls a second in an account.
SECONDS_BETWEEN_POLLS = 2.0

app = typer.Typer()


@app.command(epilog="Example: orders logs --since 1h --filter failed_from")
def logs(
    function: Annotated[Function, typer.Option(help="The function.")] = "process",
    since: options.Since = "10m",
    follow: options.Follow = False,
    text: Annotated[
        str, typer.Option("--filter", metavar="TEXT", help="Only events that contain this text.")
    ] = "",
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Print the log of a function.

    For each invocation it prints the outcomes of its records, and any other event as it is.
    Times are UTC. The log comes from CloudWatch Logs: on AWS it is a few seconds old.
    """
    found = resolve_stack(stack, region, profile)
    begin = span_of(found.cloud, since, None).since or found.cloud.now()

    def read(since: datetime) -> Iterator[LogEvent]:
        return log_tail.log_events(found, function, since, text)

    def arriving() -> Iterator[LogEvent]:
        for event in log_tail.follow(read, begin):
            if event is None:
                time.sleep(SECONDS_BETWEEN_POLLS)
            else:
                yield event

    with suppress(KeyboardInterrupt):
        show.print_log(arriving() if follow else read(begin), as_json=as_json)
