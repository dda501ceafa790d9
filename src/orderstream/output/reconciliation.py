"""Prints the reconciliation of stream, archive and table, for people and programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Column
from rich.text import Text

from orderstream.output.console import err, out, print_json, problem
from orderstream.output.terminal import SafeTable

if TYPE_CHECKING:
    from orderstream.aws.location import Location
    from orderstream.recovery.reprocess import ReprocessResult
    from orderstream.recovery.verify import ReconciliationReport

MOST_ROWS = 100
_OUTCOMES = (
    "stored",
    "events",
    "duplicates",
    "conflicts",
    "invalid",
    "discarded",
    "erased",
    "in_flight",
    "missing",
)


def print_reconciliation(
    report: ReconciliationReport,
    repaired: ReprocessResult | None,
    location: Location | None,
    *,
    as_json: bool,
) -> None:
    """Print the reconciliation: counts and every discrepancy; `location` if something may have changed."""
    if as_json:
        found = [asdict(one) for one in report.discrepancies]
        print_json(
            asdict(report.span)
            | {"objects": report.objects, "waiting_since": report.waiting_since}
            | {"counts": asdict(report.counts), "discrepancies": found}
            | ({"repaired": asdict(repaired)} if repaired else {})
            | ({"place": location.document()} if location else {})
        )
        return
    if repaired:
        out.print(
            f"repaired {repaired.records:,} records: {repaired.stored:,} stored, {repaired.events:,} events,"
            f" {repaired.duplicates:,} duplicates, {repaired.conflicts:,} conflicts,"
            f" {repaired.invalid:,} invalid, {repaired.failed:,} not done"
        )
        if repaired.updated:
            out.print(f"updated {repaired.updated:,} orders from their events")
        if repaired.announced:
            out.print(f"announced {repaired.announced:,} changes")
        for what in repaired.problems[:MOST_ROWS]:
            problem(what)
    out.print(_counts(report))
    out.print(f"looked at what arrived {report.span}")
    if report.counts.waiting:
        waiting = f"{report.counts.waiting:,} events wait for their orders"
        out.print(f"{waiting}, the first since {report.waiting_since}")
    if report.is_empty:
        return
    if not report.discrepancies:
        out.print(Text("no discrepancies", "green"))
        return
    wrong = SafeTable("discrepancy", Column("id", no_wrap=True), "detail")
    for one in report.discrepancies[:MOST_ROWS]:
        wrong.add_row(one.kind, one.id, one.detail)
    out.print(wrong)
    if len(report.discrepancies) > MOST_ROWS:
        err.print(f"{len(report.discrepancies):,} discrepancies in all; --json has every one")


def _counts(report: ReconciliationReport) -> SafeTable:
    counts = report.counts
    table = SafeTable.of_numbers("what", "count")
    table.add_numbers("read from the stream", counts.streamed)
    table.add_numbers("read from the archive", counts.archived)
    table.add_numbers("objects of archive and quarantine", report.objects)
    table.add_numbers("items of the table, all of it", counts.items)
    table.add_numbers("events of the table, all of it", counts.order_events)
    if counts.announced:
        table.add_numbers("read from the stream of changes", counts.announced)
    table.add_section()
    for name in _OUTCOMES:
        table.add_numbers(name.replace("_", " "), getattr(counts, name))
    table.add_section()
    table.add_numbers("records in all", counts.records)
    return table
