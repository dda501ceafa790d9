"""The command for capacity planning: plan."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from orderstream.aws.pricing import reference_data
from orderstream.aws.times import parse_time_range
from orderstream.capacity.demand import Demand, Layout, Mode, Options, Upkeep
from orderstream.capacity.plan import plan as planning
from orderstream.capacity.simulation import simulate as simulating
from orderstream.capacity.traffic import Outage, simulation_settings
from orderstream.capacity.traffic_curve import curve_in, orders_per_second, peak_of
from orderstream.cli.options import AsJson
from orderstream.errors import InputError
from orderstream.output import plan as show
from orderstream.output.simulation import picture as draw

commands = typer.Typer()


@commands.command(epilog="Example: orders plan --rate 2000 --peak 5x --size 800")
def plan(
    size: Annotated[int, typer.Option(help="Bytes of an order, as sent.")],
    rate: Annotated[str | None, typer.Option(help="Orders a second, on average.")] = None,
    peak: Annotated[str | None, typer.Option(help="Peak: 5x the average, or orders a second.")] = None,
    retention: Annotated[int, typer.Option(help="Retention of the stream in hours.")] = 72,
    index: Annotated[bool, typer.Option(help="Whether the table has the index by customer.")] = True,
    layout: Annotated[Layout, typer.Option(help="One object per batch, or per order.")] = "batch",
    window: Annotated[int, typer.Option(help="Batching window in seconds.")] = 1,
    fan_out: Annotated[bool, typer.Option("--fan-out", help="Plan with enhanced fan-out.")] = False,
    upkeep: Annotated[Upkeep, typer.Option(help="Hourly maintenance of the archive.")] = "none",
    shard_metrics: Annotated[bool, typer.Option(help="Whether to enable shard-level metrics.")] = True,
    consumers: Annotated[int, typer.Option(help="Consumers that share the stream, including this one.")] = 1,
    mode: Annotated[Mode | None, typer.Option(help="Capacity mode. Default: the cheaper one.")] = None,
    headroom: Annotated[int, typer.Option(help="Headroom above the peak, in percent.")] = 25,
    item_size: Annotated[int | None, typer.Option(help="Bytes of an item, if known.")] = None,
    months: Annotated[int, typer.Option(help="Months of orders in table and archive.")] = 1,
    outage: Annotated[str, typer.Option(help="Length of an outage to recover from: 30m, 1h.")] = "1h",
    simulate: Annotated[
        Path | None, typer.Option(help="Simulate it on a CSV of traffic: time, orders a second.")
    ] = None,
    outage_at: Annotated[
        str | None, typer.Option(help="Start of the outage in the simulation, a time as in the file.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Write a PNG of the simulated backlog.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed simulates the same.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Plan a deployment for expected traffic: settings, quotas, a month's bill and the command to deploy it.

    It does not call AWS: prices and limits are in aws/pricing.toml, with source and date. Without --rate
    and --peak, they are those of the traffic to simulate. docs/explanation/capacity.md has the formulas.
    """
    traffic = curve_in(simulate) if simulate else None
    if traffic is None and (picture or outage_at):
        raise InputError("--picture and --outage-at are for a simulation", hint="add --simulate traffic.csv")
    if rate is None and traffic is None:
        raise InputError("how much traffic?", hint="give --rate 2000 --peak 5x, or --simulate traffic.csv")
    if rate is None and traffic is not None:
        average, highest = Decimal(str(traffic.curve.average)), Decimal(str(traffic.curve.peak))
        demand = Demand(average, peak_of(peak, average) if peak else max(average, highest), size, item_size)
    else:
        average = orders_per_second(rate or "")
        demand = Demand(average, peak_of(peak or "1x", average), size, item_size)
    stopped = parse_time_range(outage)
    choices = Options(
        mode=mode,
        retention_hours=retention,
        layout=layout,
        has_index=index,
        window_seconds=window,
        fan_out=fan_out,
        upkeep=upkeep,
        shard_metrics=shard_metrics,
        consumers=consumers,
        outage_hours=Decimal(int(stopped.total_seconds())) / 3600,
        headroom=Decimal(headroom) / 100,
        months=months,
    )
    planned = planning(demand, choices, reference_data())
    result = begin = None
    if traffic is not None:
        begin = traffic.begin
        outages = [Outage(traffic.second_of(outage_at), stopped.total_seconds())] if outage_at else []
        result = simulating(
            traffic.curve,
            simulation_settings(planned, demand, choices, reference_data()),
            outages=outages,
            chance=random.Random(seed).random,
        )
        if picture:
            draw(result, begin, picture)
    show.print_plan(planned, result, begin, as_json=as_json)
