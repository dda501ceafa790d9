"""Prints comparisons of order models, for people and programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from orderstream.output.console import err, out, print_json, problem
from orderstream.output.terminal import SafeConsole, SafeTable

if TYPE_CHECKING:
    from orderstream.archive.model_comparison import ModelChange, ModelComparison
    from orderstream.domain.lifecycle import Transitions
    from orderstream.project.schema import DescribedField, SchemaChange


def print_fields(fields: list[DescribedField], transitions: Transitions, *, as_json: bool) -> None:
    """Print every field of the model; for people, also its lifecycle."""
    if as_json:
        for one in fields:
            print_json(one._asdict())
        return
    table = SafeTable("field", "type", "required", "limits", "attribute", "marks", "meaning")
    for one in fields:
        required = "yes" if one.required else f"default {one.default}" if one.default else ""
        table.add_row(one.field, one.type, required, one.limits, one.attribute, one.marks, one.meaning)
    out.print(table)
    lifecycle = SafeTable("status", "events that may follow")
    for status, names in transitions.items():
        lifecycle.add_row(status, ", ".join(names))
    out.print(lifecycle)


def print_schema_changes(changes: list[SchemaChange], *, as_json: bool) -> None:
    """Print what has changed in each field and each status, and what breaks."""
    if as_json:
        for change in changes:
            print_json(change._asdict())
        return
    if not changes:
        err.print("nothing has changed")
        return
    table = SafeTable("what", "change", "breaks")
    for change in changes:
        table.add_row(change.path, change.change, Text(change.breaks, "red"))
    out.print(table)


def print_comparison(done: ModelComparison, *, on: SafeConsole = out, as_json: bool = False) -> None:
    """Print what the model changes, with samples."""
    for what in done.damaged:
        problem(what)
    if as_json:
        print_json(asdict(done))
        return
    more = "" if done.is_complete else "; there are more, which were not read"
    among = f"orders among them: {done.orders:,}, events: {done.events:,}"
    on.print(f"records checked: {done.records:,}, {among}{more}")
    if done.is_same:
        on.print("The model changes nothing.")
        return
    table = SafeTable("what", "why", "records", "for example")
    for code, change in done.newly_refused.items():
        table.add_row(Text("newly refused", "red"), code, f"{change.count:,}", _refused(change))
    if done.newly_accepted.count:
        samples = ", ".join(str(one["event_id"]) for one in done.newly_accepted.samples)
        table.add_row(Text("newly accepted", "green"), "", f"{done.newly_accepted.count:,}", samples)
    for name, change in done.stored_differently.items():
        table.add_row(Text("stored differently", "yellow"), name, f"{change.count:,}", _differing(change))
    on.print(table)


def _refused(change: ModelChange) -> str:
    return "\n".join(f"{one['order_id']}: {one['path']} {one['message']}" for one in change.samples)


def _differing(change: ModelChange) -> str:
    return "\n".join(f"{one['order_id']}: {one['stored']} → {one['now']}" for one in change.samples)
