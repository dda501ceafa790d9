"""`orders plan`: plan the capacity for expected traffic."""

import random
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from orderstream.aws.times import parse_time_range
from orderstream.capacity.demand import (
    EVENT_BYTES,
    Demand,
    Layout,
    Maintenance,
    Mode,
    Options,
    PlanInput,
    Projection,
    TableBilling,
    TableClass,
)
from orderstream.capacity.idle import IDLE_RATE
from orderstream.capacity.plan import plan as planning
from orderstream.capacity.simulation import simulate as simulating
from orderstream.capacity.traffic import Outage, simulation_settings
from orderstream.capacity.traffic_curve import curve_in, peak_of
from orderstream.cli import environment, options
from orderstream.errors import InputError
from orderstream.output import console
from orderstream.output import plan as show
from orderstream.output.simulation import picture as draw
from orderstream.project.config import FILE

app = typer.Typer()

# It has no effect on the bill of a stack without orders.
_IDLE_SIZE = 500


def _number(text: object) -> Decimal:
    # Typer passes default values too.
    try:
        number = Decimal(str(text))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise InputError(f"{text} is not a number", hint="for example: --events-per-order 4")
    return number


@app.command(epilog="Example: orders plan --rate 2000 --peak 5x --size 800")
def plan(
    size: Annotated[int | None, typer.Option(help="Bytes of an order, as sent.")] = None,
    rate: Annotated[Decimal | None, options.RATE_OR_NONE] = None,
    peak: Annotated[
        str | None, typer.Option(help="Peak: a factor such as 5x, or a rate as of --rate.")
    ] = None,
    events_per_order: Annotated[
        Decimal, typer.Option(metavar="NUMBER", help="Events of an order, on average.", parser=_number)
    ] = Decimal(0),
    event_size: Annotated[int, typer.Option(help="Bytes of an event, as sent.")] = EVENT_BYTES,
    retention: Annotated[int, typer.Option(help="Retention of the stream in hours.")] = 72,
    index: Annotated[bool, typer.Option(help="Whether the table has the index by customer.")] = True,
    layout: Annotated[Layout, typer.Option(help="One object per batch, or per order.")] = "batch",
    window: Annotated[int, typer.Option(help="Batching window in seconds.")] = 1,
    fan_out: Annotated[bool, typer.Option("--fan-out", help="Plan with enhanced fan-out.")] = False,
    maintenance: Annotated[Maintenance, typer.Option(help="Hourly maintenance of the archive.")] = "none",
    shard_metrics: Annotated[bool, typer.Option(help="Whether to enable shard-level metrics.")] = True,
    feed: Annotated[bool, typer.Option("--feed", help="Plan with the change feed.")] = False,
    event_bus: Annotated[
        bool, typer.Option("--event-bus", help="Plan with the change feed on an event bus, too.")
    ] = False,
    webhooks: Annotated[int, typer.Option(help="Webhooks that get every change.")] = 0,
    totals: Annotated[bool, typer.Option("--totals", help="Plan with totals.")] = False,
    consumers: Annotated[int, typer.Option(help="Consumers that share the stream, including this one.")] = 1,
    mode: Annotated[Mode | None, typer.Option(help="Capacity mode. Default: the cheaper one.")] = None,
    headroom: Annotated[int, typer.Option(help="Headroom above the peak, in percent.")] = 25,
    item_size: Annotated[int | None, typer.Option(help="Bytes of an item, if known.")] = None,
    table_billing: Annotated[
        TableBilling, typer.Option(help="How the tables are billed: by request, or by capacity.")
    ] = "on-demand",
    table_class: Annotated[TableClass, typer.Option(help="Class of the tables.")] = "standard",
    index_projection: Annotated[
        Projection, typer.Option(help="What the index stores: orders, or their keys.")
    ] = "all",
    glacier_days: Annotated[
        int, typer.Option(help="Age in days at which large archive objects move to Glacier. 0: never.")
    ] = 0,
    wait: Annotated[
        str, typer.Option(help="Longest wait for a provisioned table at a sudden peak, such as 30s.")
    ] = "2m",
    months: Annotated[int, typer.Option(help="Horizon: the last month whose bill is printed.")] = 36,
    outage: Annotated[str, typer.Option(help="Length of an outage to recover from, such as 30m.")] = "1h",
    traffic: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Simulate this CSV: time, orders a second.")
    ] = None,
    outage_at: Annotated[
        str | None, typer.Option(help="Start of the outage in the simulation, a time as in the file.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a PNG of the simulated backlog.")
    ] = None,
    seed: options.Seed = 0,
    write: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Write the settings for this environment into orderstream.toml."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Plan capacity and cost for expected traffic.

    Prints the settings, the quotas, the bills over --months and the command to deploy it; then the cheapest
    settings of table, index and archive, and what each saves. --rate is the average; 0 prints what an idle
    stack costs. By default, --rate and --peak are those of --traffic. It does not call AWS:
    docs/explanation/capacity.md has the formulas, and all prices and limits with source and date.
    """
    recorded = curve_in(traffic) if traffic else None
    if recorded is None and (picture or outage_at):
        raise InputError("--picture and --outage-at are for a simulation", hint="add --traffic traffic.csv")
    if rate == 0:
        average = highest = IDLE_RATE
        size = size or _IDLE_SIZE
    elif rate is not None:
        average, highest = rate, peak_of(peak or "1x", rate)
    elif recorded is not None:
        average = Decimal(str(recorded.curve.average))
        highest = peak_of(peak, average) if peak else max(average, Decimal(str(recorded.curve.peak)))
    else:
        raise InputError("how much traffic?", hint="give --rate 2000 --peak 5x, or --traffic traffic.csv")
    if size is None:
        raise InputError("how large is an order?", hint="give its bytes as sent: --size 600")
    demand = Demand(average, highest, size, item_size, events_per_order, event_size)
    stopped = parse_time_range(outage)
    choices = Options(
        mode=mode,
        retention_hours=retention,
        layout=layout,
        has_index=index,
        window_seconds=window,
        fan_out=fan_out,
        maintenance=maintenance,
        shard_metrics=shard_metrics,
        feed=feed,
        event_bus=event_bus,
        webhooks=webhooks,
        totals=totals,
        consumers=consumers,
        outage_hours=Decimal(int(stopped.total_seconds())) / 3600,
        headroom=Decimal(headroom) / 100,
        table_billing=table_billing,
        table_class=table_class,
        index_projection=index_projection,
        glacier_days=glacier_days,
        longest_wait_seconds=int(parse_time_range(wait).total_seconds()),
        months=months,
    )
    given = PlanInput(demand, choices)
    planned = planning(given)
    result = begin = None
    if recorded is not None:
        begin = recorded.begin
        outages = [Outage(recorded.second_of(outage_at), stopped.total_seconds())] if outage_at else []
        result = simulating(
            recorded.curve,
            simulation_settings(planned.sizing, given),
            outages=outages,
            chance=random.Random(seed).random,
        )
        if picture:
            draw(result, begin, picture)
    show.print_plan(planned, result, begin, as_json=as_json)
    if write is not None:
        # The plan assumes no maintenance unless it is told of one, and does not mean to switch it off.
        is_assumed = maintenance == "none"
        values = {
            name: value
            for name, value in planned.parameters.items()
            if not (is_assumed and name == "ArchiveMaintenance")
        }
        environment.write_parameters(write, values)
        console.step(f"written into {FILE}; to deploy it: orders deploy --env {write}")
