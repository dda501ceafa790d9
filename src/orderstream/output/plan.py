"""Prints a capacity plan, for people and programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

from rich.text import Text

from orderstream.capacity.prices import GB, REGION, SECONDS_A_MONTH, KinesisPrices
from orderstream.output.console import out, print_json
from orderstream.output.numbers import count, dollars, large, length, size
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
    out.print(
        f"{count(demand.rate)} orders/s on average, {count(demand.peak)} at the peak, {demand.size:,} bytes "
        f"each: {large(demand.rate * SECONDS_A_MONTH)} a month"
    )
    if of.event_dollars_million is not None:
        out.print(
            f"{count(demand.events)} events an order, {demand.event_size:,} bytes each. An event costs "
            f"{dollars(of.event_dollars_million)} a million"
        )
    if of.version_dollars_million is not None:
        bus = ", with the event bus" if of.options.event_bus else ""
        out.print(f"Announcing a version costs {dollars(of.version_dollars_million)} a million{bus}")
    for part in (_settings(of), _bill(of), _quotas(of), *_modes(of)):
        out.print(part)
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
    index = "the index uses as many as the table" if of.options.has_index else "no index"
    events = ", with its events" if of.demand.events else ""
    yield "table", f"{units} per order", f"an item of {size(table.item_bytes)}{events}; {index}"
    why = f"the peak needs {count(table.peak_units)}, a new table accepts {table.new_table_units:,}"
    if table.warm_units:
        yield (
            "table, warm",
            f"{count(table.warm_units)} units/s",
            f"{why}; {dollars(table.warm_dollars)} once",
        )
    else:
        yield "table, warm", "not needed", why
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


def _bill(of: CapacityPlan) -> SafeTable:
    here, there = of.sizing.bill, of.baseline
    title = "A month's bill, US dollars"
    table = SafeTable.of_numbers(
        "service", "this plan", "two calls per order", title=title, title_justify="left"
    )
    others = {(entry.service, entry.what): f"{entry.dollars:,.2f}" for entry in there.entries}
    for one in sorted(here.entries, key=lambda entry: list(here.services).index(entry.service)):
        other = others.get((one.service, one.what), "")
        table.add_row(f"{one.service}, {one.what}", f"{one.dollars:,.2f}", other)
    table.add_section()
    table.add_row("total", f"{here.total:,.2f}", f"{there.total:,.2f}")
    table.add_row("ratio", "1", count(of.baseline_ratio))
    table.caption, table.caption_justify = _prices(), "left"
    return table


def _prices() -> str:
    return f"List prices of {REGION}, {KinesisPrices.date}, without free tiers and discounts."


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


def _modes(of: CapacityPlan) -> list[str]:
    found, stream = of.comparison, of.sizing.stream
    words = {"shards": "shards are", "on-demand": "on demand is"}
    line = (
        f"Shards or on demand: {dollars(found.shards_dollars)} a month in total on shards, "
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
