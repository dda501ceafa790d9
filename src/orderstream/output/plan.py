"""Prints a capacity plan, for people and programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

from rich.text import Text

from orderstream.capacity.idle import IDLE_RATE, LEAST_SET
from orderstream.capacity.prices import GB, SECONDS_A_MONTH
from orderstream.output.console import out, print_json
from orderstream.output.numbers import count, dollars, large, length, size
from orderstream.output.plan_bills import bill_table, cheapest_parts, modes, prices, provisioned
from orderstream.output.simulation import print_simulation
from orderstream.output.terminal import SafeTable

if TYPE_CHECKING:
    from orderstream.capacity.plan import CapacityPlan
    from orderstream.capacity.traffic import SimulationResult

# No figure here is more precise.
_DIGITS = Context(prec=12)
_ROUGHLY = Context(prec=4)
_FILLS = {
    "records": "a shard accepts 1,000 records/s",
    "bytes": "a shard accepts 1 MB/s",
    "lanes": "ten lanes of a shard process no more",
}

# A setting, its value, and the reason.
Row = tuple[str, str, str]


def print_plan(
    of: CapacityPlan, result: SimulationResult | None, begin: datetime | None, *, as_json: bool
) -> None:
    """Print the plan and, if there was one, the simulation."""
    if as_json:
        print_json(document(of, result))
        return
    demand = of.demand
    if demand.rate == IDLE_RATE:
        print_idle(of)
        return
    out.print(
        f"{count(demand.rate)} orders/s on average, {count(demand.peak)} at the peak, "
        f"{demand.size:,} bytes each: {large(demand.rate * SECONDS_A_MONTH)} a month"
    )
    if of.event_dollars_million is not None:
        out.print(
            f"{count(demand.events)} events an order, {demand.event_size:,} bytes each. An event costs "
            f"{dollars(of.event_dollars_million)} a million"
        )
    if of.version_dollars_million is not None:
        bus = ", with the event bus" if of.options.event_bus else ""
        out.print(f"Announcing a version costs {dollars(of.version_dollars_million)} a million{bus}")
    for part in (_settings(of), bill_table(of), _quotas(of), *modes(of)):
        out.print(part)
    if result is not None:
        print_simulation(result, begin)
    out.print("\nTo deploy it:")
    out.print(command(of.parameters))
    for part in cheapest_parts(of):
        out.print(part)
    if of.cheapest_parameters != of.parameters:
        out.print("\nTo deploy the cheapest:")
        out.print(command(of.cheapest_parameters))


def document(of: CapacityPlan, result: SimulationResult | None) -> dict[str, Any]:
    """A whole plan as JSON values: numbers are exact or have twelve digits, money is US dollars a month."""
    plain: dict[str, Any] = _plain(asdict(of))
    plain["prices"] = prices()
    plain["deploy"] = [command(of.parameters)]
    plain["simulation"] = None if result is None else asdict(result)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return _DIGITS.create_decimal(value) if isinstance(value, Decimal) else value


def command(parameters: dict[str, str]) -> str:
    """The command that deploys a stack with these parameters."""
    values = " ".join(f"--parameter {name}={value}" for name, value in parameters.items())
    return f"orders deploy {values}"


def print_idle(of: CapacityPlan) -> None:
    """Print what a stack without orders costs, of what that consists, and how little it can be."""
    idle = of.idle
    least, free = dollars(idle.least_dollars), dollars(idle.least_with_free_tier_dollars)
    out.print(
        f"An idle stack costs {dollars(idle.dollars)} a month with these flags, and "
        f"{dollars(idle.default_dollars)} if it is deployed without parameters."
    )
    out.print(bill_table(of))
    out.print(
        f"The least is {least}, or {free} where nothing else uses the metrics and alarms that CloudWatch "
        "gives free of charge:"
    )
    out.print(f"orders deploy --parameter-set {LEAST_SET}")


def _settings(of: CapacityPlan) -> SafeTable:
    table = SafeTable("what", "set to", "why", title="Settings", title_justify="left")
    for row in (*_of_stream(of), *_of_function(of), *_of_stores(of), *_of_time(of)):
        table.add_row(*row)
    return table


def _of_stream(of: CapacityPlan) -> Iterator[Row]:
    stream, choices = of.sizing.stream, of.options
    if stream.mode == "on-demand":
        why = (
            f"expected to grow to {stream.shards:,} shards: twice the peak. A new stream accepts 4 MB/s or "
            "4,000 records/s; above twice the peak of 30 days it throttles for up to 15 min"
        )
        yield "stream", "on demand", why
        if stream.warm_mib:
            why = (
                f"StreamWarmThroughputMiBps={stream.warm_mib} lets it accept the peak at once, in an account"
                " with On-demand Advantage"
            )
            yield "stream, warm", f"{stream.warm_mib:,} MiB/s", why
        else:
            yield "stream, warm", "not needed", "a new stream accepts the peak"
    else:
        why = f"{_FILLS[stream.limited_by]}; {choices.headroom:.0%} headroom above the peak"
        if stream.limited_by == "records" and stream.shards_aggregated * 2 <= stream.shards_needed:
            why += f"; with records aggregated by the KPL, {stream.shards_aggregated:,} would be enough"
        yield "stream", f"{stream.shards:,} shard{'s' * (stream.shards > 1)}", why
    kept = f"{dollars(stream.retention_dollars)} a month"
    yield (
        "retention",
        f"{choices.retention_hours:,} h",
        kept if choices.retention_hours > 24 else "included in the stream's price",
    )


def _of_function(of: CapacityPlan) -> Iterator[Row]:
    function, average, peak = of.sizing.function, of.sizing.function.average, of.sizing.function.peak
    records = 1 + of.demand.events
    yield (
        "batch",
        f"{function.batch_size:,} {'records' if of.demand.events else 'orders'}, {function.window_seconds} s",
        f"{count(average.orders * records)} on average, {count(peak.orders * records)} at the peak; "
        f"6 MB hold at most {function.orders_that_fit:,}",
    )
    yield (
        "lanes",
        f"{function.parallelization_factor} per shard",
        f"{function.lanes:,} in total; each processes {count(function.lane_rate)} orders/s",
    )
    yield (
        "function",
        f"{function.memory_mb:,} MB",
        f"{length(average.seconds)} per batch, {length(peak.seconds)} at the peak; "
        f"{count(average.running)} and {count(peak.running)} run concurrently",
    )


def _of_stores(of: CapacityPlan) -> Iterator[Row]:
    table, archive, customer = of.sizing.table, of.sizing.archive, of.customer
    billed = table.billed_units_per_order + table.events_billed_per_order
    units = f"{count(billed)} write unit" + "s" * (billed > 1)
    index = "no index"
    if of.options.has_index:
        keys = of.options.index_projection == "keys"
        index = "the index has its keys alone" if keys else "the index uses as many as the table"
    events = ", with its events" if of.demand.events else ""
    yield "table", f"{units} per order", f"an item of {size(table.item_bytes)}{events}; {index}"
    why = f"the peak needs {count(table.peak_units)}, a new table accepts {table.new_table_units:,}"
    if table.capacity:
        yield "table, warm", "not needed", "its capacity is provisioned"
    elif table.warm_units:
        yield (
            "table, warm",
            f"{count(table.warm_units)} units/s",
            f"{why}; {dollars(table.warm_dollars)} once",
        )
    else:
        yield "table, warm", "not needed", why
    if table.capacity:
        yield "table, capacity", *provisioned(table.capacity)
    if feed := of.sizing.feed:
        yield (
            "change feed",
            f"{feed.shards:,} shard{'s' * (feed.shards > 1)}" if feed.shards else "on demand",
            f"announcements of {size(feed.announcement_bytes)}; "
            f"{count(feed.versions_per_batch)} in a batch, which takes {length(feed.seconds_per_batch)}",
        )
    part = f"{count(customer.share * 100)}% of the peak" if customer.share < 1 else "the whole peak"
    yield (
        "one customer",
        f"{count(customer.orders_per_second)} orders/s",
        f"at most, {part}: the limit of a {customer.limited_by}; order ids are spread evenly",
    )
    yield (
        "archive",
        f"one object per {archive.layout}",
        f"{large(archive.objects)} a month of {size(archive.object_bytes)}, {size(archive.gb * GB)} in total;"
        f" compacted {archive.compacted_objects:,}, {size(archive.compacted_gb * GB)} in total",
    )


def _of_time(of: CapacityPlan) -> Iterator[Row]:
    latency, after = of.latency, of.catch_up
    price = f"{dollars(of.sizing.stream.fan_out_dollars)} a month"
    here, other = latency.shared, f"{length(latency.fan_out)} with enhanced fan-out, {price} more"
    if of.options.fan_out:
        here, other = latency.fan_out, f"{length(latency.shared)} without enhanced fan-out, {price} less"
    yield "latency", f"{length(here)} at most", f"without faults; {other}"
    if after.outage_seconds:
        done = "never" if after.seconds is None else f"{length(after.seconds)} later"
        yield (
            f"outage of {length(after.outage_seconds)}",
            f"caught up {done}",
            f"{large(after.backlog)} orders wait, {count(after.orders_per_second)}/s are processed: "
            f"the limit of the {after.limited_by}",
        )


def _quotas(of: CapacityPlan) -> SafeTable:
    table = SafeTable.of_numbers(
        "quota", "default", "peak needs", "breaks at", title="What breaks first", title_justify="left"
    )
    table.add_column("ask for")
    for one in of.quotas:
        breaks = "never"
        if one.breaks_at is not None:
            breaks = f"{count(_ROUGHLY.create_decimal(one.breaks_at))} orders/s"
        needed = Text(count(one.needed), "red" if one.is_exceeded else "")
        remedy = one.remedy if one.is_exceeded else ""
        ask = f"{one.ask:,}: {one.remedy}" if one.ask else remedy
        table.add_row(one.name, count(one.limit), needed, breaks, ask)
    table.caption = "The rate at which a quota breaks is an average; the peak grows in proportion."
    table.caption_justify = "left"
    return table
