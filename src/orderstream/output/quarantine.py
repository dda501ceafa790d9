"""Prints quarantined records and what became of those put back, for people and programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
from rich.text import Text

from orderstream.output.console import err, fields, hint, out, print_json
from orderstream.output.orders import moment, print_raw, shown
from orderstream.pipeline.archive_codec import original_bytes

if TYPE_CHECKING:
    from orderstream.recovery.quarantine import QuarantinedRecord, Resubmission

MOST_REASONS = 10
_NAMES = ("event_id", "arrived_at", "order_id", "partition_key", "reasons", "attempt", "stored")


def print_quarantine(entries: Iterable[QuarantinedRecord], *, as_json: bool) -> None:
    """Print quarantined records: a line each and one for each reason, or one JSON object per line."""
    is_empty = True
    for entry in entries:
        is_empty = False
        if as_json:
            print_json(_document(entry))
            continue
        line = entry.line
        order = f"  order {line.order_id}" if line.order_id else ""
        again = f"  resubmitted {moment(entry.notes[-1].at)}" if entry.notes else ""
        out.print(f"{moment(line.arrived_at)}  {line.event_id}{order}{again}")
        for reason in line.reasons[:MOST_REASONS]:
            out.print(f"  {_reason(reason)}")
    if is_empty and not as_json:
        err.print("nothing in quarantine")


def print_quarantined_record(entry: QuarantinedRecord, *, as_json: bool) -> None:
    """Print one quarantined record: its origin, every reason, and its bytes."""
    line, data = entry.line, original_bytes(entry.line)
    if as_json:
        print_json(_document(entry) | _bytes(data))
        return
    rows: list[tuple[str, str]] = [
        ("event", line.event_id),
        ("arrived", line.arrived_at),
        ("partition key", line.partition_key or "(none)"),
        ("order", line.order_id or f"{line.event_id} (it has no valid order_id)"),
        ("found in", f"{entry.key} line {entry.number}"),
        ("seen by", f"request {line.attempt.get('request_id')} at {line.attempt.get('at')}"),
    ]
    rows += [("reason", _reason(one)) for one in line.reasons]
    rows += [(f"stored {name}", value) for name, value in shown(line.stored or {})]
    rows += [("resubmitted", f"{note.at} as event {note.new_event_id}") for note in entry.notes]
    fields(rows)
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
            document = {name: value for name, value in asdict(one).items() if name != "data"}
            print_json(document | (_bytes(one.data) if dry_run and one.sent else {}))
        elif not one.sent:
            err.print(Text("not resubmitted:", "red"), f"{one.event_id}: {one.problem}")
        else:
            what = f"event {one.event} of order" if one.event else "order"
            out.print(f"{one.event_id} as {what} {one.order_id}" + (":" if dry_run else ""))
            if dry_run:
                out.print(one.data.decode())
    for text in sorted(hints):
        hint(text)
    what = "would be resubmitted" if dry_run else "resubmitted"
    err.print(f"{sent:,} {what}" + (f", {failed:,} not" if failed else ""))
    return failed


def until_most(entries: Iterator[Any], most: int) -> Iterator[Any]:
    """At most `most` entries; prints to standard error if there are more."""
    for number, entry in enumerate(entries):
        if number == most:
            err.print(f"there are more than {most:,}: raise --limit, or narrow --since and --until")
            return
        yield entry


def _reason(one: dict[str, str]) -> str:
    return f"{one['path']} {one['message']} ({one['code']})"


def _document(entry: QuarantinedRecord) -> dict[str, Any]:
    notes = [msgspec.structs.asdict(note) for note in entry.notes]
    found = {name: getattr(entry.line, name) for name in _NAMES}
    return found | {"object": entry.key, "line": entry.number, "resubmitted": notes}


def _bytes(data: bytes) -> dict[str, Any]:
    """Bytes as text if they are text, else as base64."""
    try:
        return {"raw": data.decode()}
    except UnicodeDecodeError:
        return {"raw_base64": data}
