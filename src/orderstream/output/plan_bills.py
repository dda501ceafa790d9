"""Prints the bills of a plan: by month, of either mode of the stream, and of the cheapest combination."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import RenderableType

from orderstream.capacity.idle import IDLE_RATE
from orderstream.capacity.prices import REGION, DynamoPrices
from orderstream.output.numbers import count, dollars, length
from orderstream.output.terminal import SafeTable

if TYPE_CHECKING:
    from orderstream.capacity.choices import MonthlyBill
    from orderstream.capacity.line_items import Service
    from orderstream.capacity.plan import CapacityPlan
    from orderstream.capacity.table_capacity import TableCapacity


def _totals(bills: tuple[MonthlyBill, ...]) -> list[str]:
    return [f"{one.bill.total:,.2f}" for one in bills]


def bill_table(of: CapacityPlan) -> SafeTable:
    """The bill of each month, and of the first with the tutorial's handler."""
    here, there = of.bills, of.baseline
    title = "A month's bill, US dollars"
    columns = [f"month {one.month}" for one in here]
    table = SafeTable.of_numbers(
        "service", *columns, "two calls\nper order", title=title, title_justify="left"
    )
    others = {(entry.service, entry.what): f"{entry.dollars:,.2f}" for entry in there.entries}
    lines: dict[tuple[Service, str], list[str]] = {}
    for number, month in enumerate(here):
        for one in month.bill.entries:
            line = lines.setdefault((one.service, one.what), [""] * len(here))
            line[number] = f"{one.dollars:,.2f}"
    order = list(here[-1].bill.services)
    for (service, what), figures in sorted(lines.items(), key=lambda line: order.index(line[0][0])):
        # Without orders, most lines are less than a cent.
        if of.demand.rate > IDLE_RATE or set(figures) != {"0.00"}:
            table.add_row(f"{service}, {what}", *figures, others.get((service, what), ""))
    table.add_section()
    table.add_row("total", *_totals(here), f"{there.total:,.2f}")
    table.add_row("ratio", "1", *[""] * (len(here) - 1), count(of.baseline_ratio))
    table.caption, table.caption_justify = prices(), "left"
    return table


def prices() -> str:
    """Of where and when the prices are."""
    return f"List prices of {REGION}, {DynamoPrices.date}, without free tiers and discounts."


def modes(of: CapacityPlan) -> list[str]:
    """Where either mode of the stream is cheaper."""
    found = of.comparison
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
    return [line]


def provisioned(of: TableCapacity) -> tuple[str, str]:
    """The bounds of a table's capacity, and how long orders wait for it."""
    scaling = of.scaling
    wait = "no order waits at a sudden peak"
    if scaling.wait_seconds:
        wait = f"orders wait up to {length(scaling.wait_seconds)} at a sudden peak"
    without = scaling.wait_without_burst_seconds
    if without is None:
        wait += ", longer than the peak without burst capacity"
    elif without > scaling.wait_seconds:
        wait += f", {length(without)} without burst capacity"
    return (
        f"{of.write_minimum:,} to {of.write_maximum:,} write units/s",
        f"{scaling.utilization}% of them used; {count(of.write_units)} are paid for on average, "
        f"with the index; {wait}",
    )


def cheapest_parts(of: CapacityPlan) -> list[RenderableType]:
    """The cheapest combination: its bills, what each setting saves, and what else could be agreed."""
    best = of.cheapest
    months = [f"month {one.month}" for one in best.bills]
    title = "\nThe cheapest that keeps the guarantees, US dollars"
    totals = SafeTable.of_numbers("bill", *months, title=title, title_justify="left")
    totals.add_row("with these flags", *_totals(of.bills))
    totals.add_row("the cheapest", *_totals(best.bills))
    choices = SafeTable("setting", "chosen", title="What each setting saves", title_justify="left")
    for name in (months[0], months[-1]) if len(months) > 1 else months:
        choices.add_column(name, justify="right", no_wrap=True)
    choices.add_column("what it takes")
    for one in best.choices:
        name, chosen = f"{one.parameter}={one.value}", "yes" if one.is_chosen else "no"
        saves = [f"{one.saves:,.2f}", f"{one.saves_last:,.2f}"][: min(2, len(months))]
        choices.add_row(name, chosen, *saves, one.price)
    choices.caption = "Each against its default, with all others as chosen. RecoveryDays changes no price."
    choices.caption_justify = "left"
    others = SafeTable("by agreement", title="What else would save", title_justify="left")
    others.add_column("a month", justify="right", no_wrap=True)
    others.add_column("condition")
    for offer in best.commitments:
        others.add_row(offer.name, f"{offer.saves:,.2f}", offer.condition)
    parts: list[RenderableType] = [totals, choices, others]
    if capacity := best.sizing.table.capacity:
        bounds, wait = provisioned(capacity)
        after = of.cheapest_catch_up
        done = "never" if after.seconds is None else length(after.seconds)
        outage = length(after.outage_seconds)
        caught_up = f"After an outage of {outage} it catches up in {done}, once it has scaled to its maximum."
        parts.append(f"Capacity of the cheapest: {bounds}, {wait}. {caught_up}")
    if len({one.dollars for one in best.waits}) > 1:
        prices_of = ", ".join(f"{length(one.seconds)} {dollars(one.dollars)}" for one in best.waits)
        parts.append(f"The first month by the longest wait at a sudden peak (--wait): {prices_of}.")
    return parts
