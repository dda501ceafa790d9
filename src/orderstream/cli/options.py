"""The options that many verbs share, and what they mean."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from orderstream.aws.clients import AwsClients
from orderstream.aws.clock import ServiceClock
from orderstream.aws.location import Location, location_of
from orderstream.aws.stack import Stack, find_stack
from orderstream.aws.times import parse_timestamp
from orderstream.output import console
from orderstream.output.numbers import length
from orderstream.storage.bucket import TimeRange

StackName = Annotated[str, typer.Option("--stack", help="The deployed stack.", envvar="ORDERS_STACK")]
Region = Annotated[str | None, typer.Option(help="AWS region, if not the configured one.")]
Profile = Annotated[str | None, typer.Option(help="AWS profile, if not the configured one.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Since = Annotated[str | None, typer.Option(help="RFC 3339, a date, or a span back from now: 2h.")]
Until = Annotated[str | None, typer.Option(help="The same; what is of this moment is left out.")]

LAST_PORT = 65_535


def span_of(cloud: AwsClients, since: str | None, until: str | None) -> TimeRange:
    """The span of time that the options mean, back from now by the clock of `cloud`. Raises InputError."""
    now = cloud.now()
    return TimeRange(
        parse_timestamp(since, now) if since else None, parse_timestamp(until, now) if until else None
    )


def cloud_of(region: str | None, profile: str | None) -> AwsClients:
    """The cloud that the options mean. If this machine's clock is wrong, a warning says so."""
    return AwsClients(region=region, profile=profile, clock=ServiceClock(_warn))


def resolve_stack(stack: str, region: str | None, profile: str | None) -> tuple[AwsClients, Stack]:
    """The cloud that the options mean, and the stack there."""
    cloud = cloud_of(region, profile)
    return cloud, find_stack(cloud, stack)


def say_where(cloud: AwsClients, stack: str) -> Location:
    """Where a command is about to act, after saying so on standard error."""
    location = location_of(cloud)
    console.step(f"{location}, stack {stack}")
    return location


def find_to_change(
    stack: str, region: str | None, profile: str | None
) -> tuple[tuple[AwsClients, Stack], Location]:
    """As `find`, for a command that changes something there: where that is, is said first."""
    cloud = cloud_of(region, profile)
    location = say_where(cloud, stack)
    return (cloud, find_stack(cloud, stack)), location


def confirm_on_aws(location: Location, question: str, *, doing: str, yes: bool) -> None:
    """Ask whoever is at a terminal before something is done on AWS, unless `yes`. A local cloud is free.

    Where nobody can be asked, it is done. Raises NotConfirmedError unless the answer is yes.
    """
    if not yes and not location.is_local:
        console.confirm_if_possible(f"{question} {location}?", doing=doing)


def _warn(behind: timedelta) -> None:
    minutes = round(behind.total_seconds() / 60)
    console.problem(
        f"this machine's clock is {length(60 * abs(minutes))} {'behind' if minutes > 0 else 'ahead of'} the"
        " cloud's: times are judged by the cloud's clock; set this one"
    )
