"""Prints plans and results of archive operations, for people and programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from rich.table import Column

from orderstream.output.console import err, fields, out, print_json, problem, step
from orderstream.output.terminal import SafeTable

if TYPE_CHECKING:
    from orderstream.archive.audit import Audit
    from orderstream.archive.maintenance import MaintenanceResult
    from orderstream.archive.manifests import Head
    from orderstream.archive.plan import ReplayPlan
    from orderstream.archive.receipt import ErasureReceipt, StampedReceipt
    from orderstream.archive.replay import ReplayResult, Selection
    from orderstream.aws.location import Location
    from orderstream.storage.bucket import TimeRange


def print_replay_plan(
    plan: ReplayPlan, selection: Selection, location: Location, *, to: str, as_json: bool
) -> None:
    """Print what would be read, the minimum duration, and the cost."""
    if as_json:
        print_json(asdict(plan) | {"to": to, "place": location.document()})
        return
    rows = [("arrived", str(selection.span))]
    for name, wanted in (("customer", selection.customer_id), ("order", selection.order_id)):
        if wanted is not None:
            rows.append((f"only {name}", wanted))
    rows += [
        ("objects", f"{plan.objects:,} of {plan.bytes:,} bytes"),
        ("records", f"about {plan.events:,}"),
        ("takes at least", str(timedelta(seconds=round(plan.seconds)))),
        ("costs at most", f"${plan.dollars}, to the {to}"),
    ]
    fields(rows, err)


def print_replay(done: ReplayResult, location: Location, *, as_json: bool) -> None:
    """Print the outcome of the records."""
    for what in done.damaged:
        problem(what)
    for what in done.problems:
        problem(f"not replayed: {what}")
    if as_json:
        print_json(asdict(done) | {"place": location.document()})
        return
    rows = {
        "read": done.read,
        "the same in another object": done.duplicates_skipped,
        "stored": done.stored,
        "events applied or waiting": done.events,
        "there already": done.duplicates,
        "sent": done.sent,
        "conflicts, in quarantine already": done.conflicts,
        "invalid, in quarantine already": done.invalid,
        "failed": done.failed,
    }
    out.print(_counts("record", {name: count for name, count in rows.items() if count or name == "read"}))


def print_waiting(hours: Sequence[tuple[str, int, int]], *, as_json: bool) -> None:
    """Print the hours that would be compacted: objects and their bytes."""
    if as_json:
        for hour, objects, size in hours:
            print_json({"hour": hour, "objects": objects, "bytes": size})
        return
    out.print(_sums(("hour", "objects", "bytes"), hours, f"{len(hours)} hours"))


def print_maintenance(done: MaintenanceResult, location: Location, *, as_json: bool) -> None:
    """Print what was sealed and compacted."""
    for key in done.late:
        problem(
            f"{key} came after its hour or a later one was sealed, with unknown records: it is not sealed"
        )
    for what in done.problems:
        problem(what)
    if as_json:
        print_json(asdict(done) | {"head": _head(done.head), "place": location.document()})
        return
    out.print(f"{len(done.sealed):,} hours sealed, {len(done.compacted):,} compacted")
    if done.compacted:
        columns = ("hour", "lines", "objects", "bytes", "bytes after")
        rows = [(one.hour, one.lines, one.objects, one.bytes, one.bytes_after) for one in done.compacted]
        out.print(_sums(columns, rows, "all"))
    _print_head(done.head, "no hour is over yet: one is sealed five minutes after its end")


def print_audit(done: Audit, span: TimeRange, *, as_json: bool) -> None:
    """Print what was checked, and what was found."""
    if as_json:
        print_json(asdict(span) | asdict(done) | {"head": _head(done.head)})
        return
    rows = {
        "manifests": done.manifests,
        "hours sealed": done.hours,
        "objects hashed": done.objects,
        "bytes hashed": done.bytes,
        "objects delivered again, with nothing new": done.repeated,
        "objects of hours that are not sealed yet": done.unsealed,
        "objects removed by the lifecycle rules": done.expired,
        "findings": len(done.findings),
    }
    out.print(_counts("what", rows))
    out.print(f"looked at the hours {span}")
    if done.findings:
        found = SafeTable("kind", Column("object", no_wrap=True), "what is wrong")
        for finding in done.findings:
            found.add_row(finding.kind, finding.key, finding.detail)
        out.print(found)
    _print_head(done.head, "nothing is sealed yet: orders archive seal")


def print_erasure_plan(found: ErasureReceipt, location: Location, *, as_json: bool) -> None:
    """Print what exists of a customer."""
    if as_json:
        print_json(msgspec.structs.asdict(found) | {"place": location.document()})
        return
    err.print(_erasure(found))
    print_problems(found)


def print_erasure(stamped: StampedReceipt, location: Location, *, as_json: bool) -> None:
    """Print the receipt of an erasure. As JSON it is the input of the audit."""
    receipt = stamped.receipt
    print_problems(receipt)
    if as_json:
        print_json(msgspec.structs.asdict(stamped) | {"place": location.document()})
        return
    out.print(_erasure(receipt))
    if stamped.shared:
        step(
            f"{stamped.shared:,} of the records were not orders, and contained orders of other customers too"
        )
    out.print(f"receipt {receipt.id} in manifest {stamped.manifest}:{stamped.sha256}")
    step(f"the stream has the records until {receipt.on_stream_until}; backups of the table go by themselves")


def _erasure(receipt: ErasureReceipt) -> SafeTable:
    rows = {
        "items of the table": receipt.items,
        "events of the table": receipt.events,
        "records in archive and quarantine": receipt.records,
        "objects with them": receipt.objects,
        "records that Lambda discarded": receipt.failed,
        "notes about records put back": receipt.notes,
        "old versions of objects": receipt.versions,
        f"old versions locked until {receipt.locked_until}": receipt.locked,
    }
    shown = {name: count for name, count in rows.items() if count or "locked" not in name}
    return _counts("of the customer", shown)


def print_problems(receipt: ErasureReceipt) -> None:
    """Print what could not be erased or searched."""
    for what in receipt.problems:
        problem(what)
    if receipt.locked:
        problem(
            f"Object Lock keeps {receipt.locked} old versions until {receipt.locked_until}: erase again then"
        )


def _counts(of: str, rows: Mapping[str, int]) -> SafeTable:
    table = SafeTable.of_numbers(of, "count")
    for name, count in rows.items():
        table.add_numbers(name, count)
    return table


def _sums(columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]], total: str) -> SafeTable:
    """A table of rows, each a name and numbers, and of the sums of the numbers."""
    table = SafeTable.of_numbers(*columns)
    for row in rows:
        table.add_numbers(*row)
    table.add_section()
    table.add_numbers(total, *map(sum, list(zip(*rows, strict=True))[1:]))
    return table


def _head(head: Head | None) -> str | None:
    return f"{head.number}:{head.sha256}" if head and head.number else None


def _print_head(head: Head | None, otherwise: str) -> None:
    if found := _head(head):
        out.print(f"head {found}")
    else:
        step(otherwise)
