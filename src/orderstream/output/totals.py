"""Prints totals for people and programs: sums, differences from the table, and rebuilds."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.table import Column

from orderstream.domain.currencies import money
from orderstream.output.console import err, hint, out, print_json, problem
from orderstream.output.terminal import SafeTable
from orderstream.storage.totals import Dimension

if TYPE_CHECKING:
    from orderstream.aws.location import Location
    from orderstream.recovery.totals import TotalsCheck, TotalsDifference
    from orderstream.storage.totals import TotalsReport
    from orderstream.totals.contribution import Sums

# The keys in JSON: a customer is named as everywhere else.
_KEYS = {one: "customer_id" if one is Dimension.CUSTOMER else one.value for one in Dimension}
_AMOUNTS = ("total", "captured", "refunded", "net")
_MOST_DIFFERENCES = 20


def print_totals(report: TotalsReport, by: Sequence[Dimension], limit: int, *, as_json: bool) -> None:
    """Print at most `limit` totals, each with the values of the dimensions `by` and its currency."""
    if report.rebuilding_since:
        problem(f"the totals are incomplete: they are being rebuilt since {report.rebuilding_since}")
        hint("if that was interrupted: orders totals --rebuild")
    shown = report.totals[:limit]
    if as_json:
        for one in shown:
            key = {name: one.key.get(dimension) for dimension, name in _KEYS.items()}
            print_json(key | _sums(one.sums))
    else:
        dimensions = [one for one in _KEYS if one in by or one is Dimension.CURRENCY]
        table = SafeTable(
            *(
                Column(one, no_wrap=one in (Dimension.HOUR, Dimension.MINUTE), overflow="fold")
                for one in dimensions
            ),
            *(Column(name, justify="right", no_wrap=True) for name in ("orders", *_AMOUNTS)),
        )
        for one in shown:
            table.add_row(
                *(one.key[name] for name in dimensions), *_texts(one.sums, one.key[Dimension.CURRENCY])
            )
        if table.row_count:
            out.print(table)
        err.print(
            f"orders that arrived from {report.since:%Y-%m-%dT%H:%MZ} to {report.until:%Y-%m-%dT%H:%MZ}"
            + ("" if table.row_count else ": none")
        )
    if more := len(report.totals) - len(shown):
        problem(f"{more:,} more are not shown: --limit {len(report.totals)}")


def print_check(result: TotalsCheck, *, as_json: bool) -> None:
    """Print how many orders were compared, and where the totals differ from the table."""
    found = result.differences
    if as_json:
        differences = [_difference(one) for one in found]
        print_json({"orders": result.orders, "differences": differences, "changing": result.changing})
        return
    if result.changing:
        problem(f"differences that changed all the time: {result.changing:,}; check again in a quieter hour")
    if not found:
        out.print(f"the totals are those of {result.orders:,} orders in the table")
        return
    table = SafeTable(
        Column("minute", no_wrap=True),
        "currency",
        "status",
        "of",
        *(Column(name, justify="right", no_wrap=True) for name in ("orders", *_AMOUNTS)),
    )
    for one in found[:_MOST_DIFFERENCES]:
        counted = _texts(one.counted, one.currency)
        table.add_row(one.minute, one.currency, one.status, "totals", *counted)
        table.add_row("", "", "", "table", *_texts(one.stored, one.currency))
    out.print(table)
    shown = f", of which {_MOST_DIFFERENCES} are shown" if len(found) > _MOST_DIFFERENCES else ""
    problem(f"differences between the totals and the table: {len(found):,}{shown}")
    hint("orders totals --rebuild counts all orders anew")


def print_rebuilt(orders: int, location: Location, *, as_json: bool) -> None:
    """Print how many orders were counted."""
    if as_json:
        print_json({"orders": orders, "place": location.document()})
    else:
        out.print(f"{orders:,} orders counted")


def _difference(one: TotalsDifference) -> dict[str, Any]:
    place = {"minute": one.minute, "currency": one.currency, "status": one.status}
    return place | {"counted": _sums(one.counted), "stored": _sums(one.stored)}


def _sums(sums: Sums) -> dict[str, Any]:
    return {"orders": sums.orders} | {name: _plain(getattr(sums, name)) for name in _AMOUNTS}


def _texts(sums: Sums, currency: str) -> list[str]:
    amounts = (money(_plain(getattr(sums, name)), currency) for name in _AMOUNTS)
    return [f"{sums.orders:,}", *amounts]


def _plain(amount: Decimal) -> Decimal:
    # Zero has no sign.
    return amount or Decimal(0)
