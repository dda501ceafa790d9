"""Prints what `orders adopt` read, moved and compared, for people and programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Column
from rich.text import Text

from orderstream.output.console import err, out, print_json, step
from orderstream.output.terminal import SafeTable

if TYPE_CHECKING:
    from orderstream.aws.location import Location
    from orderstream.migration.adopt import MigrationReport

MOST_ROWS = 20
_OUTCOMES = {
    "moved": "moved",
    "to_move": "to be moved",
    "already_there": "already there",
    "invalid": "invalid (quarantine)",
    "corrected": "invalid, corrected since",
    "differs": "differ",
    "failed": "not moved",
}


def print_migration_plan(report: MigrationReport) -> None:
    """Print what was found, before anything is changed."""
    err.print(_counts(report))


def print_migration(report: MigrationReport, location: Location, *, as_json: bool) -> None:
    """Print the outcome of every order, and what could not be known."""
    if as_json:
        differences = [{"order_id": order_id, "detail": detail} for order_id, detail in report.differences]
        pairs = [one._asdict() for one in report.duplicates]
        print_json(
            asdict(report) | {"differences": differences, "duplicates": pairs, "place": location.document()}
        )
        return
    out.print(_counts(report))
    for text, number in report.notes.items():
        out.print(f"{number:,} × {text}")
    _print_reasons(report)
    _print_duplicates(report)
    _print_differences(report)
    out.print("not known:")
    for text in report.unknown:
        out.print(f"  {text}")
    if not report.is_wrong:
        out.print(Text("no differences", "green"))


def _counts(report: MigrationReport) -> SafeTable:
    read = report.read
    table = SafeTable.of_numbers("what", "count")
    table.add_numbers("items of the old table", read.items)
    table.add_numbers("  without an object", read.items_without_object)
    table.add_numbers("objects of the old bucket", read.objects)
    table.add_numbers("  without an item", read.objects_without_item)
    if read.records:
        table.add_numbers("records of the old stream", read.records)
        table.add_numbers("  in neither table nor bucket", read.unstored)
    table.add_section()
    for name, text in _OUTCOMES.items():
        if (number := getattr(report, name)) or name in ("moved", "already_there", "invalid", "differs"):
            table.add_numbers(text, number)
    table.add_section()
    table.add_numbers("orders in all", report.orders)
    return table


def _print_reasons(report: MigrationReport) -> None:
    if report.reasons:
        table = SafeTable("invalid", "where", "why", Column("orders", justify="right"), "such as")
        for one in report.reasons[:MOST_ROWS]:
            table.add_row(one.code, one.path, one.message, f"{one.orders:,}", "\n".join(one.samples))
        out.print(table)
        _say_more(len(report.reasons), "reasons")


def _print_duplicates(report: MigrationReport) -> None:
    if report.duplicates:
        ids = [Column(name, no_wrap=True) for name in ("may be one order", "and")]
        table = SafeTable(*ids, "customer", Column("amount", justify="right"), "dates")
        for one in report.duplicates[:MOST_ROWS]:
            dates = one.date if one.date == one.other_date else f"{one.date}\n{one.other_date}"
            table.add_row(one.order_id, one.other, one.customer, one.amount, dates)
        out.print(table)
        _say_more(report.suspected_duplicates, "pairs")


def _print_differences(report: MigrationReport) -> None:
    if report.differences:
        table = SafeTable(Column("order", no_wrap=True), "what is wrong")
        for order_id, detail in report.differences[:MOST_ROWS]:
            table.add_row(order_id, detail)
        out.print(table)
        _say_more(report.differs + report.failed, "orders")


def _say_more(number: int, what: str) -> None:
    if number > MOST_ROWS:
        step(f"{number:,} {what} in all; --json has more")
