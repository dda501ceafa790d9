"""Prints a capacity plan, for people and programs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

from rich.text import Text

from orderstream.aws.pricing import reference_data
from orderstream.output.console import out, print_json
from orderstream.output.numbers import count, dollars, large, length, size
from orderstream.output.simulation import print_simulation
from orderstream.output.terminal import SafeTable

if TYPE_CHECKING:
    from orderstream.capacity.plan import CapacityPlan
    from orderstream.capacity.traffic import SimulationResult

SECONDS_A_MONTH = 730 * 3600
# No figure here is more precise.
_DIGITS = Context(prec=12)
_ROUGHLY = Context(prec=4)


def print_plan(
    of: CapacityPlan, result: SimulationResult | None, begin: datetime | None, *, as_json: bool
) -> None:
    """Print the plan and, if there was one, the simulation."""
    if as_json:
        print_json(document(of, result))
        return
    demand = of.demand
    out.print(
        f"{count(demand.rate)} orders/s on average, {count(demand.peak)} at the peak, {demand.size:,} bytes "
        "each: "
        f"{large(demand.rate * SECONDS_A_MONTH)} a month",
    )
    out.print(_settings(of))
    out.print(_bill(of))
    out.print(_quotas(of))
    for line in _modes(of):
        out.print(line)
    if result is not None:
        print_simulation(result, begin)
    out.print("\nTo deploy it:")
    out.print(command(of))


def document(of: CapacityPlan, result: SimulationResult | None) -> dict[str, Any]:
    """A whole plan as JSON values: numbers are exact or have twelve digits, money is US dollars a month."""
    plain: dict[str, Any] = _plain(asdict(of))
    plain["prices"] = _prices()
    plain["deploy"] = [command(of)]
    plain["simulation"] = None if result is None else asdict(result)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return _DIGITS.create_decimal(value) if isinstance(value, Decimal) else value


def command(of: CapacityPlan) -> str:
    """The command that deploys the plan."""
    values = " ".join(f"--parameter {name}={value}" for name, value in of.parameters.items())
    return f"orders deploy {values}"


def _table(title: str, *columns: str) -> SafeTable:
    table = SafeTable(title=title, title_justify="left")
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number and name not in _LEFT else "left")
    return table


_LEFT = {"what", "why", "set to", "ask for", "how"}


def _settings(of: CapacityPlan) -> SafeTable:
    table = _table("Settings", "what", "set to", "why")
    for row in (*_of_stream(of), *_of_function(of), *_of_stores(of), *_of_time(of)):
        table.add_row(*(cell for cell in row))
    return table


def _of_stream(of: CapacityPlan) -> list[tuple[str, str, str]]:
    stream, choices = of.sizing.stream, of.options
    fills = {
        "records": "1,000 records/s fill a shard",
        "bytes": "1 MB/s fills a shard",
        "lanes": "ten lanes of a shard do no more",
    }[stream.limited_by]
    why = f"{fills}, and the peak has {choices.headroom:.0%} to spare"
    if stream.limited_by == "records" and stream.shards_aggregated * 2 <= stream.shards_needed:
        why += f"; packed by the KPL, {stream.shards_aggregated:,} would do"
    name = f"{stream.shards:,} shards" if stream.shards > 1 else "1 shard"
    if stream.mode == "on-demand":
        name = "on demand"
        why = (
            f"expected to grow to {stream.shards:,} shards: twice the peak. A new one takes 4 MB/s or 4,000 "
            "records/s; "
            "more than twice the peak of 30 days is throttled for up to 15 min"
        )
    found = [("stream", name, why)]
    if stream.mode == "on-demand":
        found.append(
            (
                "stream, warm",
                f"{stream.warm_mib:,} MiB/s" if stream.warm_mib else "not needed",
                f"StreamWarmThroughputMiBps={stream.warm_mib} has it take the peak at once, in an account"
                " with On-demand Advantage"
                if stream.warm_mib
                else "a new stream takes the peak",
            )
        )
    kept = (
        "in the stream's price"
        if choices.retention_hours <= 24
        else f"{dollars(stream.retention_dollars)} a month"
    )
    return [*found, ("retention", f"{choices.retention_hours:,} h", kept)]


def _of_function(of: CapacityPlan) -> list[tuple[str, str, str]]:
    function, choices = of.sizing.function, of.options
    average, peak = function.average, function.peak
    return [
        (
            "batch",
            f"{function.batch_size:,} orders, {choices.window_seconds} s",
            f"{count(average.orders)} on average, {count(peak.orders)} at the peak; "
            f"6 MB hold {function.orders_that_fit:,}",
        ),
        (
            "lanes",
            f"{function.parallelization_factor} a shard",
            f"{function.lanes:,} in all; each does {count(function.lane_rate)} orders/s",
        ),
        (
            "function",
            f"{function.memory_mb:,} MB",
            f"{length(average.seconds)} a batch, {length(peak.seconds)} at the peak; "
            f"{count(average.running)} and {count(peak.running)} run at a time",
        ),
    ]


def _of_stores(of: CapacityPlan) -> list[tuple[str, str, str]]:
    table, archive = of.sizing.table, of.sizing.archive
    units = f"{table.billed_units_per_order} write unit" + "s" * (table.billed_units_per_order > 1)
    index = "the index takes as many as the table" if of.options.has_index else "no index"
    found = [
        ("table", f"{units} an order", f"an item of {size(table.item_bytes)}; {index}"),
        (
            "table, warm",
            f"{count(table.warm_units)} units/s" if table.warm_units else "not needed",
            f"the peak needs {count(table.peak_units)}, a new table takes {table.new_table_units:,}"
            + (f"; {dollars(table.warm_dollars)} once" if table.warm_units else ""),
        ),
    ]
    customer = of.customer
    part = f"{count(customer.share * 100)}% of the peak" if customer.share < 1 else "the whole peak"
    found.append(
        (
            "one customer",
            f"{count(customer.orders_per_second)} orders/s",
            f"at most, {part}: what a {customer.limited_by} takes; order ids spread by themselves",
        )
    )
    compacted = f"; compacted {archive.compacted_objects:,} of {size(archive.compacted_gb * 1024**3)}"
    found.append(
        (
            "archive",
            f"one object {'a batch' if archive.layout == 'batch' else 'an order'}",
            f"{large(archive.objects)} a month of {size(archive.object_bytes)}, "
            f"{size(archive.gb * 1024**3)} in all{compacted}",
        )
    )
    return found


def _of_time(of: CapacityPlan) -> list[tuple[str, str, str]]:
    latency, after = of.latency, of.catch_up
    price = f"{dollars(of.sizing.stream.fan_out_dollars)} a month"
    here, other = latency.shared, f"{length(latency.fan_out)} with enhanced fan-out, {price} more"
    if of.options.fan_out:
        here, other = latency.fan_out, f"{length(latency.shared)} without enhanced fan-out, {price} less"
    found = [("latency", f"{length(here)} at most", f"if nothing is wrong; {other}")]
    if after.outage_seconds:
        done = "never" if after.seconds is None else f"{length(after.seconds)} later"
        found.append(
            (
                f"{length(after.outage_seconds)} of outage",
                f"caught up {done}",
                f"{large(after.backlog)} orders wait, {count(after.orders_per_second)}/s are worked off: "
                f"what the {after.limited_by} allow" + ("s" if after.limited_by == "table" else ""),
            )
        )
    return found


def _bill(of: CapacityPlan) -> SafeTable:
    table = _table("A month's bill, US dollars", "service", "this plan", "two calls an order")
    here, there = of.sizing.bill, of.baseline
    for service in here.services:
        rows = [entry for entry in here.entries if entry.service == service]
        others = {entry.what: entry.dollars for entry in there.entries if entry.service == service}
        for entry in rows:
            other = others.get(entry.what)
            table.add_row(
                f"{service}, {entry.what}", f"{entry.dollars:,.2f}", f"{other:,.2f}" if other else ""
            )
    table.add_section()
    table.add_row("in all", f"{here.total:,.2f}", f"{there.total:,.2f}")
    table.add_row("times this plan", "1", count(of.baseline_ratio))
    table.caption = _prices()
    table.caption_justify = "left"
    return table


def _prices() -> str:
    found = reference_data()
    return f"List prices of {found.region}, {found.prices.kinesis.date}, without free tiers and discounts."


def _quotas(of: CapacityPlan) -> SafeTable:
    table = _table("What breaks first", "quota", "default", "peak needs", "breaks at", "ask for")
    for one in of.quotas:
        breaks = (
            "never" if one.breaks_at is None else f"{count(_ROUGHLY.create_decimal(one.breaks_at))} orders/s"
        )
        ask = f"{one.ask:,}" if one.ask else ("" if not one.is_exceeded else one.remedy)
        needed = count(one.needed)
        table.add_row(
            one.name,
            count(one.limit),
            Text(needed, "red" if one.is_exceeded else ""),
            breaks,
            f"{ask}: {one.remedy}" if one.ask else ask,
        )
    table.caption = "The rate at which it breaks is an average, the peak growing with it."
    table.caption_justify = "left"
    return table


def _modes(of: CapacityPlan) -> list[str]:
    found, stream = of.comparison, of.sizing.stream
    words = {"shards": "shards are", "on-demand": "on demand is"}
    line = (
        f"Shards or on demand: {dollars(found.shards_dollars)} a month in all on shards, "
        f"{dollars(found.on_demand_dollars)} on demand. With this peak, "
    )
    low, high = words[found.low], words[found.high]
    if found.first is None or found.last is None:
        line += f"{high} cheaper at every rate."
    elif found.first == found.last:
        line += f"{low} cheaper up to {count(found.first)} orders/s, {high} above."
    else:
        line += (
            f"{low} cheaper up to {count(found.first)} orders/s and {high} above {count(found.last)}; "
            "between them it depends on how full the last shard is."
        )
    if found.peak_factor is not None and found.peak_factor > 1:
        line += f" At this rate, on demand is cheaper with peaks above {count(found.peak_factor)}x."
    lines = [line]
    if stream.mode == "on-demand" or stream.advantage_dollars < stream.dollars:
        lines.append(
            f"The stream alone is {dollars(stream.dollars)}; with On-demand Advantage, a setting of the "
            f"whole account, it would be {dollars(stream.advantage_dollars)}."
        )
    return lines
