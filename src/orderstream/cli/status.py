"""`orders status`: print the status of a stack."""

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import options
from orderstream.cli.options import resolve_stack
from orderstream.monitoring.collector import StatusCollector, poll
from orderstream.output import console
from orderstream.output import status as show

app = typer.Typer()


@app.command(epilog="Example: orders status --watch")
def status(
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every few seconds until Ctrl-C.")] = False,
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Print rates, backlog, shards, latency and alarms of a stack.

    Ends with status 1 if an alarm is on. All figures come from CloudWatch: on AWS, those of Kinesis are a
    minute or two old. --json prints one document, or with --watch one per line.
    """
    found = resolve_stack(stack, region, profile)
    watching = StatusCollector(found)
    if watch:
        seen = poll(watching, on_problem=console.problem)
        in_alarm = show.watch_status(seen, dollars_an_hour=watching.dollars_an_hour, as_json=as_json)
    else:
        looked = watching.collect()
        show.print_status(looked, as_json=as_json)
        show.print_cost(watching.metrics_read, watching.dollars_so_far)
        in_alarm = looked.in_alarm
    raise typer.Exit(1 if in_alarm else 0)
