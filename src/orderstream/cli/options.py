"""Options and arguments that several commands share, and what most commands do with them."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from orderstream.aws.clients import AwsClients, profiles
from orderstream.aws.clock import ServiceClock
from orderstream.aws.deployment import Deployment, find_deployment
from orderstream.aws.location import Location, location_of
from orderstream.aws.times import parse_timestamp
from orderstream.cli import environment
from orderstream.errors import InputError
from orderstream.output import console
from orderstream.output.numbers import length
from orderstream.sdk.endpoints import regions
from orderstream.storage.bucket import TimeRange

LAST_PORT = 65_535
EMPTY_HINT = "--since and --until are in UTC; is it the right stack, region and account?"


def _rate(text: object) -> Decimal:
    rate = _rate_or_none(text)
    if rate == 0:
        raise InputError("a rate of 0 orders a second is not possible", hint="give a rate above 0")
    return rate


def _rate_or_none(text: object) -> Decimal:
    # Capacity planning takes a while to import, and few commands have a rate.
    from orderstream.capacity.traffic_curve import orders_per_second

    # Typer passes default values too.
    rate = orders_per_second(str(text))
    if rate < 0:
        raise InputError(f"a rate of {rate:f} orders a second is not possible", hint="give a rate above 0")
    return rate


def _regions() -> list[str]:
    return sorted(regions())


WebhookId = Annotated[str, typer.Argument(metavar="ID", help="The id of the webhook.")]
OrderId = Annotated[str, typer.Argument(metavar="ORDER_ID", help="The order id.")]

StackName = Annotated[str, typer.Option("--stack", help="Name of the deployed stack.", envvar="ORDERS_STACK")]
Environment = Annotated[
    str | None,
    typer.Option(
        "--env",
        metavar="NAME",
        help="Environment of the project's orderstream.toml.",
        envvar="ORDERS_ENV",
        is_eager=True,
        callback=environment.choose,
        autocompletion=environment.names,
    ),
]
Region = Annotated[
    str | None, typer.Option(help="AWS region. Default: the configured one.", autocompletion=_regions)
]
Profile = Annotated[
    str | None, typer.Option(help="AWS profile. Default: the configured one.", autocompletion=profiles)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; lists have one object per line.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
Since = Annotated[str | None, typer.Option(help="From this time: RFC 3339, a date, or an age such as 2h.")]
Until = Annotated[str | None, typer.Option(help="Up to this time, exclusive.")]
Limit = Annotated[int, typer.Option(help="Print at most this many.", min=1)]
Follow = Annotated[
    bool, typer.Option("--follow", "-f", help="Print also what arrives from then on, until Ctrl-C.")
]
IncludeDone = Annotated[
    bool, typer.Option("--include-done", help="Include what is already resubmitted or redriven.")
]
ReasonCode = Annotated[
    str | None, typer.Option("--code", help="Only records with this reason code, such as not_positive.")
]
OutputFile = Annotated[
    Path | None,
    typer.Option("--output", metavar="FILE", help="Write the result to this file.", dir_okay=False),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", metavar="NAME=VALUE", help="A template parameter. Repeatable."),
]
SetFields = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="A field to set. Repeatable."),
]
Account = Annotated[str, typer.Option(metavar="ID", help="Account id for the ARNs.")]
Seed = Annotated[int | None, typer.Option(help="Seed: the same one gives the same random numbers.")]
HttpPort = Annotated[
    int | None, typer.Option(help="Port of the web server. Default: a free one.", min=1, max=LAST_PORT)
]

# Options that have a default, or are required, in some commands only.
ORDER = typer.Option(metavar="ORDER_ID", help="Only the order with this id.")
WHERE = typer.Option(metavar="SQL", help="Only those for which this condition is true.")
CUSTOMER = typer.Option(help="Customer id, as producers send it.")
_RATE_HELP = "Orders a second, or with a unit: 1000/day, 500/h, 60/min."
RATE = typer.Option(metavar="RATE", help=_RATE_HELP, parser=_rate)
RATE_OR_NONE = typer.Option(metavar="RATE", help=_RATE_HELP, parser=_rate_or_none)
PORT = typer.Option(help="Port of the local cloud.", min=1, max=LAST_PORT)


def span_of(cloud: AwsClients, since: str | None, until: str | None) -> TimeRange:
    """The time range of the options, relative to the clock of `cloud`. Raises InputError."""
    now = cloud.now()
    return TimeRange(
        parse_timestamp(since, now) if since else None, parse_timestamp(until, now) if until else None
    )


def cloud_of(region: str | None, profile: str | None) -> AwsClients:
    """The clients for the options. Warns if the clock of this machine is wrong.

    Raises InputError if a project is here, and they are not for the environment that is meant.
    """
    cloud = AwsClients(region=region, profile=profile, clock=ServiceClock(_warn))
    environment.ensure_meant(cloud)
    return cloud


def resolve_stack(stack: str, region: str | None, profile: str | None) -> Deployment:
    """The stack that the options name."""
    return find_deployment(cloud_of(region, profile), stack)


def say_where(cloud: AwsClients, stack: str) -> Location:
    """The location where a command acts; prints it to standard error."""
    location = location_of(cloud)
    console.step(f"{location}, stack {stack}")
    return location


def find_to_change(stack: str, region: str | None, profile: str | None) -> tuple[Deployment, Location]:
    """Like `resolve_stack`, for a command that changes something: prints the location first."""
    cloud = cloud_of(region, profile)
    location = say_where(cloud, stack)
    return find_deployment(cloud, stack), location


def confirm_on_aws(location: Location, question: str, *, doing: str, yes: bool) -> None:
    """Ask for confirmation before a change on AWS, unless `yes`. The local cloud needs none.

    Outside a terminal it does not ask. Raises NotConfirmedError unless the answer is yes.
    """
    if not yes and not location.is_local:
        console.confirm(f"{question} {location}?", doing=doing, only_at_terminal=True)


def _warn(behind: timedelta) -> None:
    minutes = round(behind.total_seconds() / 60)
    console.problem(
        f"this machine's clock is {length(60 * abs(minutes))} {'behind' if minutes > 0 else 'ahead of'} the"
        " cloud's: set it; until then, commands use the cloud's clock"
    )
