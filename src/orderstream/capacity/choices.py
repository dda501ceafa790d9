"""Choose the cheapest settings of table, index and archive that keep a plan's promises, and say what each
saves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product
from typing import Any

from orderstream.capacity.demand import Mode, Options, PlanInput
from orderstream.capacity.line_items import Bill
from orderstream.capacity.sizing import Sizing, bill_in, compute_sizing
from orderstream.capacity.stream import aggregated_dollars
from orderstream.capacity.stream_mode import cheaper
from orderstream.capacity.table_bill import reserved_capacity

# Younger objects are read most.
GLACIER_DAYS = 30
# Waits for which the price is shown, in seconds.
_WAITS = (10, 30, 60, 120, 300)


@dataclass(frozen=True)
class MonthlyBill:
    """The bill of a month; the first is 1."""

    month: int
    bill: Bill


@dataclass(frozen=True)
class Choice:
    """A setting of the cheapest combination, and what it saves against `instead` with all others as they are.

    US dollars a month, in the first and the last month of the horizon; below 0 for a setting that is not
    chosen, because it costs more. `price` is what it gives up.
    """

    parameter: str
    value: str
    instead: str
    is_chosen: bool
    saves: Decimal
    saves_last: Decimal
    price: str


@dataclass(frozen=True)
class Commitment:
    """What an agreement of the account with AWS, or of the producers, would save a month (below 0: cost)."""

    name: str
    saves: Decimal
    condition: str


@dataclass(frozen=True)
class WaitPrice:
    """The first month's bill, if orders may wait so many seconds for the table at a sudden peak."""

    seconds: int
    utilization: int
    dollars: Decimal


@dataclass(frozen=True)
class Cheapest:
    """The cheapest combination over the horizon: its options, sizing and bills, and how it comes about."""

    options: Options
    sizing: Sizing
    bills: tuple[MonthlyBill, ...]
    choices: tuple[Choice, ...]
    commitments: tuple[Commitment, ...]
    waits: tuple[WaitPrice, ...]


def bills(of: Sizing, given: PlanInput) -> tuple[MonthlyBill, ...]:
    """The bills of month 1, of month 12 if the horizon has one, and of its last month."""
    last = given.options.months
    return tuple(MonthlyBill(month, bill_in(month, of, given)) for month in sorted({1, min(12, last), last}))


def cheapest(given: PlanInput) -> Cheapest:
    """The cheapest combination. It keeps the options that are promises: the index, the wait."""
    # Reads of colder objects cost more, and what maintenance replaces there is paid for 90 days.
    glacier = given.options.glacier_days or GLACIER_DAYS
    alternatives = [
        (given.options.table_billing, "provisioned", "on-demand"),
        (given.options.index_projection, "keys" if given.options.has_index else "all"),
        (given.options.table_class, "infrequent-access", "standard"),
        (given.options.glacier_days, glacier),
    ]
    names = ("table_billing", "index_projection", "table_class", "glacier_days")
    mode = given.options.mode or cheaper(given)
    base = replace(given, options=replace(given.options, mode=mode))

    found: dict[tuple[Any, ...], Decimal] = {}
    for values in product(*(dict.fromkeys(one) for one in alternatives)):
        found[values] = _horizon(_with(base, **dict(zip(names, values, strict=True))))
    best = min(found, key=lambda values: found[values])
    chosen = _with(base, **dict(zip(names, best, strict=True)))
    of = compute_sizing(mode, chosen)
    return Cheapest(
        options=chosen.options,
        sizing=of,
        bills=bills(of, chosen),
        choices=_choices(chosen, of),
        commitments=_commitments(chosen, of),
        waits=_waits(chosen),
    )


def _with(given: PlanInput, **settings: Any) -> PlanInput:
    """The input with these settings, and the maintenance of the archive that they need."""
    options = given.options
    needs_it = settings.get("glacier_days", options.glacier_days)
    maintenance = "compact" if needs_it else options.maintenance
    return replace(given, options=replace(options, maintenance=maintenance, **settings))


def _horizon(given: PlanInput) -> Decimal:
    """The sum of first and last month: what changes in between changes evenly."""
    of = compute_sizing(_mode(given), given)
    return of.bill.total + bill_in(given.options.months, of, given).total


def _mode(given: PlanInput) -> Mode:
    # `cheapest` has set it.
    assert given.options.mode
    return given.options.mode


def _choices(chosen: PlanInput, of: Sizing) -> tuple[Choice, ...]:
    options = chosen.options
    scaling = of.table.capacity.scaling if of.table.capacity else None
    wait = "orders wait while a peak is scaled for"
    if scaling:
        wait = f"orders wait up to {scaling.wait_seconds:.0f} s at a sudden peak"
    glacier = options.glacier_days or GLACIER_DAYS
    lines: list[tuple[str, str, str | int, str | int, str]] = [
        ("TableBilling", "table_billing", "provisioned", "on-demand", wait),
        ("IndexProjection", "index_projection", "keys", "all", "lists read each order by its key"),
        ("TableClass", "table_class", "infrequent-access", "standard", "cannot be reserved"),
        ("GlacierDays", "glacier_days", glacier, 0, "reads of older objects cost $0.03 a GB"),
    ]
    found = []
    for parameter, name, saving, plain, price in lines:
        if name == "index_projection" and not options.has_index:
            continue
        with_it, without = (_bills(_with(chosen, **{name: value})) for value in (saving, plain))
        found.append(
            Choice(
                parameter=parameter,
                value=str(saving),
                instead=str(plain),
                is_chosen=getattr(options, name) == saving,
                saves=without[0] - with_it[0],
                saves_last=without[1] - with_it[1],
                price=price,
            )
        )
    return tuple(found)


def _bills(given: PlanInput) -> tuple[Decimal, Decimal]:
    of = compute_sizing(_mode(given), given)
    return of.bill.total, bill_in(given.options.months, of, given).total


def _commitments(chosen: PlanInput, of: Sizing) -> tuple[Commitment, ...]:
    found = []
    for years, words in ((1, "one year"), (3, "three years")):
        if reserved := reserved_capacity(of.table, chosen, years=years):
            condition = f"{reserved.units:,} write units, paid whatever is used"
            found.append(Commitment(f"reserve for {words}", reserved.saves, condition))
    stream, least = of.stream, chosen.figures.advantage_prices.least_mb_second
    found.append(
        Commitment(
            "Kinesis On-demand Advantage",
            stream.dollars - stream.advantage_dollars,
            f"a setting of the account, with at least {least} MB/s in and out; its streams share them",
        )
    )
    found.append(
        Commitment(
            "producers aggregate records",
            stream.dollars - aggregated_dollars(stream, chosen),
            "as the Kinesis Producer Library does; the function splits them",
        )
    )
    return tuple(found)


def _waits(chosen: PlanInput) -> tuple[WaitPrice, ...]:
    if chosen.options.table_billing != "provisioned":
        return ()
    found = []
    for seconds in _WAITS:
        given = replace(chosen, options=replace(chosen.options, longest_wait_seconds=seconds))
        of = compute_sizing(_mode(given), given)
        assert of.table.capacity
        found.append(WaitPrice(seconds, of.table.capacity.scaling.utilization, of.bill.total))
    return tuple(found)
