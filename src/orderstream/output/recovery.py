"""Prints the results of quarantine, failures, verify and trace, for people and programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
from rich.table import Column
from rich.text import Text

from orderstream.output.console import err, fields, hint, out, print_json, problem
from orderstream.output.orders import print_raw, shown
from orderstream.output.terminal import SafeTable
from orderstream.pipeline.archive_codec import original_bytes

if TYPE_CHECKING:
    from orderstream.aws.location import Location
    from orderstream.lookup.trace import OrderTrace
    from orderstream.recovery.dead_letters import FailedBatch
    from orderstream.recovery.quarantine import QuarantinedRecord, Resubmission
    from orderstream.recovery.redrive import RedriveResult
    from orderstream.recovery.reprocess import ReprocessResult
    from orderstream.recovery.verify import ReconciliationReport

MOST_ROWS = 100
MOST_REASONS = 10


def print_quarantine(entries: Iterable[QuarantinedRecord], *, as_json: bool) -> None:
    """Print quarantined records: a line each and one for each reason, or one JSON object per line."""
    if as_json:
        for entry in entries:
            print_json(_quarantined(entry))
        return
    none = True
    for entry in entries:
        none = False
        line = entry.line
        order = f"  order {line.order_id}" if line.order_id else ""
        again = f"  resubmitted {_moment(entry.notes[-1].at)}" if entry.notes else ""
        out.print(f"{_moment(line.arrived_at)}  {line.event_id}{order}{again}")
        for reason in line.reasons[:MOST_REASONS]:
            out.print(f"  {reason['path']} {reason['message']} ({reason['code']})")
    if none:
        err.print("nothing in quarantine")


def print_quarantined_record(entry: QuarantinedRecord, *, as_json: bool) -> None:
    """Print one quarantined record: its origin, every reason, and its bytes."""
    if as_json:
        print_json(_quarantined(entry) | _bytes(original_bytes(entry.line)))
        return
    line = entry.line
    rows: list[tuple[str, str]] = [
        ("event", line.event_id),
        ("arrived", line.arrived_at),
        ("partition key", line.partition_key or "(none)"),
        ("order", line.order_id or f"{line.event_id} (it has no valid order_id)"),
        ("found in", f"{entry.key} line {entry.number}"),
        ("seen by", f"request {line.attempt.get('request_id')} at {line.attempt.get('at')}"),
    ]
    rows += [("reason", f"{one['path']} {one['message']} ({one['code']})") for one in line.reasons]
    rows += [(f"stored {name}", value) for name, value in shown(line.stored or {})]
    rows += [("resubmitted", f"{note.at} as event {note.new_event_id}") for note in entry.notes]
    fields(rows)
    data = original_bytes(line)
    err.print(f"its {len(data):,} bytes:")
    print_raw(data + b"\n", exact="--json")


def print_resubmissions(results: Iterable[Resubmission], *, dry_run: bool, as_json: bool) -> int:
    """Print the outcome of each record, one per line; return how many were not (or would not be) sent."""
    sent = failed = 0
    hints: set[str] = set()
    for one in results:
        hints |= {one.hint} - {""}
        sent, failed = (sent + 1, failed) if one.sent else (sent, failed + 1)
        if as_json:
            fields = {name: value for name, value in asdict(one).items() if name != "data"}
            print_json(fields | (_bytes(one.data) if dry_run and one.sent else {}))
        elif not one.sent:
            err.print(Text("not resubmitted:", "red"), f"{one.event_id}: {one.problem}")
        elif dry_run:
            out.print(f"{one.event_id} as order {one.order_id}:")
            out.print(one.data.decode())
        else:
            out.print(f"{one.event_id} as order {one.order_id}")
    for text in sorted(hints):
        hint(text)
    what = "would be resubmitted" if dry_run else "resubmitted"
    err.print(f"{sent:,} {what}" + (f", {failed:,} not" if failed else ""))
    return failed


def print_failures(found: Iterable[FailedBatch], *, as_json: bool) -> None:
    """Print batches that AWS discarded: two lines each, or one JSON object per line."""
    if as_json:
        for failure in found:
            print_json(_failure(failure))
        return
    none = True
    for failure in found:
        none = False
        error = f" ({failure.error})" if failure.error else ""
        state = "done" if failure.done else "open"
        what = f"{failure.condition}{error}  {failure.records:,} records of {failure.shard_id}"
        out.print(f"{failure.at:%Y-%m-%d %H:%M:%S}  {state}  {what}")
        out.print(f"  {failure.place}")
    if none:
        err.print("no discarded batches")


def print_redrive(results: Iterable[RedriveResult], *, dry_run: bool, as_json: bool) -> int:
    """Print the outcome of each failure; return how many are not done."""
    done = left = 0
    for one in results:
        done, left = (done + 1, left) if one.done else (done, left + 1)
        if as_json:
            print_json(asdict(one))
            continue
        counts = ", ".join(
            f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in one.outcomes.items()
        )
        state = ("done", "green") if one.done else "open"
        out.print(Text.assemble(state, f": {one.place}: {one.records:,} records: {counts}"))
        for what in one.problems[:MOST_ROWS]:
            problem(what)
    if not done and not left:
        err.print("nothing to redrive")
    else:
        err.print(f"{left:,} to redrive" if dry_run else f"{done:,} done, {left:,} open")
    return left


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
            | {"objects": report.objects, "counts": asdict(report.counts), "discrepancies": found}
            | ({"repaired": asdict(repaired)} if repaired else {})
            | ({"place": location.document()} if location else {})
        )
        return
    if repaired:
        out.print(
            f"repaired {repaired.records:,} records: {repaired.stored:,} stored,"
            f" {repaired.duplicates:,} duplicates, {repaired.conflicts:,} conflicts,"
            f" {repaired.invalid:,} invalid, {repaired.failed:,} not done"
        )
        for what in repaired.problems[:MOST_ROWS]:
            problem(what)
    counts = report.counts
    read = {
        "read from the stream": counts.streamed,
        "read from the archive": counts.archived,
        "objects of archive and quarantine": report.objects,
        "items of the table, all of it": counts.items,
    }
    outcomes = {
        "stored": counts.stored,
        "duplicates": counts.duplicates,
        "conflicts": counts.conflicts,
        "invalid": counts.invalid,
        "discarded": counts.discarded,
        "erased": counts.erased,
        "in flight": counts.in_flight,
        "missing": counts.missing,
    }
    table = SafeTable("what", "count")
    table.columns[1].justify = "right"
    for rows in (read, outcomes, {"records in all": counts.records}):
        for name, count in rows.items():
            table.add_row(name, f"{count:,}")
        table.add_section()
    out.print(table)
    out.print(f"looked at what arrived {report.span}")
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


def print_trace(found: OrderTrace, *, as_json: bool) -> None:
    """Print one order's trace, in chronological order."""
    if as_json:
        steps = [msgspec.structs.asdict(step) for step in found.steps]
        print_json({"order_id": found.order_id, "item": found.item, "steps": steps})
        return
    # Ids are long and few: each event gets a number, and the ids are listed below.
    ids = dict.fromkeys(step.event_id for step in found.steps if step.event_id)
    numbers = {event_id: str(number) for number, event_id in enumerate(ids, start=1)}
    table = SafeTable(
        Column("when (UTC)", no_wrap=True), Column("what", no_wrap=True), "event", "where and why"
    )
    for step in found.steps:
        detail = "\n".join(filter(None, (step.where, step.detail)))
        for event_id, number in numbers.items():
            detail = detail.replace(f"event {event_id}", f"event {number}")
        table.add_row(_moment(step.at), step.what, numbers.get(step.event_id or "", ""), detail)
    out.print(table)
    for event_id, number in numbers.items():
        out.print(f"event {number} is {event_id}")
    where = "in the table" if found.item else "not in the table"
    out.print(f"order {found.order_id} is {where}")


def _moment(at: str | None) -> str:
    return at.replace("T", " ")[:23] if at else "?"


def _quarantined(entry: QuarantinedRecord) -> dict[str, Any]:
    line = entry.line
    return {
        "event_id": line.event_id,
        "arrived_at": line.arrived_at,
        "order_id": line.order_id,
        "partition_key": line.partition_key,
        "reasons": line.reasons,
        "attempt": line.attempt,
        "stored": line.stored,
        "object": entry.key,
        "line": entry.number,
        "resubmitted": [msgspec.structs.asdict(note) for note in entry.notes],
    }


def _bytes(data: bytes) -> dict[str, Any]:
    """Bytes as text if they are text, else as base64."""
    try:
        return {"raw": data.decode()}
    except UnicodeDecodeError:
        return {"raw_base64": data}


def _failure(failure: FailedBatch) -> dict[str, Any]:
    return {
        "place": failure.place,
        "at": failure.at,
        "condition": failure.condition,
        "error": failure.error,
        "invocations": failure.invocations,
        "shard_id": failure.shard_id,
        "first_sequence_number": failure.first,
        "last_sequence_number": failure.last,
        "records": failure.records,
        "done": failure.done,
    }


def until_most(entries: Iterator[Any], most: int) -> Iterator[Any]:
    """At most `most` entries; prints to standard error if there are more."""
    for number, entry in enumerate(entries):
        if number == most:
            err.print(f"there are more than {most:,}: raise --limit, or narrow --since and --until")
            return
        yield entry
