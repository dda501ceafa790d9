"""The inventory of a stack, and its end, as people and programs see them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from orderstream.show.console import err, out, print_json, problem

if TYPE_CHECKING:
    from orderstream.deploy.destroy import Destroyed
    from orderstream.deploy.inventory import Inventory

MOST_LINES = 20


def inventory(found: Inventory, *, delete_data: bool, as_json: bool) -> None:
    """Everything there is, what would become of it, and what it costs to keep."""
    if as_json:
        print_json(_document(found))
        return
    if found.is_empty:
        out.print(f"there is nothing of a stack {escape(found.stack)} here")
        return
    kept = {one.name for one in found.tables} | {one.name for one in found.buckets}
    if found.resources:
        table = Table("resource", "type", "what it is", "fate")
        for one in found.resources:
            stays = one.physical_id in kept and not delete_data
            table.add_row(
                one.logical_id, one.type, escape(one.physical_id), "stays" if stays else "[red]goes[/red]"
            )
        out.print(table)
    fate = "goes" if delete_data else "stays"
    for has in found.tables:
        _say(f"table {has.name}: {has.items:,} items, {_size(has.size + has.index_size)}; {fate}")
    for held in found.buckets:
        lock = f"; Object Lock: {held.lock}" if held.lock else ""
        _say(
            f"bucket {held.name}: {held.objects:,} objects, {held.versions:,} versions,"
            f" {held.markers:,} delete markers, {_size(held.size)}{lock}; {fate}"
        )
    if found.code:
        _say(
            f"code under s3://{found.code.name}/{found.stack}/: {found.code.versions:,} objects,"
            f" {_size(found.code.size)}; goes. The bucket serves other stacks too, and stays"
        )
    for name in found.logs:
        _say(f"log group {name}, which Lambda made and no stack keeps; {fate}")
    _undrained(found)
    if not delete_data and (found.tables or found.buckets):
        _say(f"what stays costs {_dollars(found)} a month; --delete-data deletes it too")


def _undrained(found: Inventory) -> None:
    if not found.undrained:
        return
    about, lost = found.undrained, []
    if about.is_behind:
        lost.append(f"the function was {about.age_seconds:,.0f} s behind the stream within the last minutes")
    if about.quarantined:
        lost.append(f"{about.quarantined:,} records in quarantine that were not resubmitted")
    if about.given_up:
        lost.append(f"{about.given_up:,} batches that AWS gave up and nobody redrove")
    if lost:
        problem("not drained: " + "; ".join(lost))
    elif found.standing:
        _say("drained: nothing behind on the stream, nothing open in quarantine, no failures")
    if found.standing:
        _say("the stream goes, with what is on it")


def destroyed(found: Inventory, done: Destroyed, *, delete_data: bool, as_json: bool) -> None:
    """What went, and what is left."""
    after = done.after
    if as_json:
        print_json(
            _document(found)
            | {
                "versions_removed": done.versions,
                "locked": done.locked,
                "locked_until": done.locked_until,
                "left": done.left,
                "after": _document(after) if after else None,
            }
        )
        return
    if done.locked:
        until = f" until {done.locked_until:%Y-%m-%d %H:%M} UTC" if done.locked_until else ""
        problem(f"Object Lock holds {done.locked:,} versions{until}: run the same command again then")
    for line in done.left[:MOST_LINES]:
        problem(f"left: {line}")
    if done.left:
        err.print("[red]not everything went[/red]; the same command goes on")
    elif after and after.is_empty:
        out.print(f"[green]gone[/green]: nothing of {escape(found.stack)} is here any more")
    elif after:
        names = [f"table {one.name}" for one in after.tables] + [f"s3://{one.name}" for one in after.buckets]
        names += [f"log group {name}" for name in after.logs]
        out.print(f"[green]gone[/green]: stack {escape(found.stack)}", soft_wrap=True)
        _say(f"{', '.join(names)} stay, at {_dollars(after)} a month")
        _say("orders deploy takes them over again; orders destroy --delete-data removes them")


def _dollars(found: Inventory) -> str:
    cost = found.monthly_cost
    return "less than a cent" if cost < 0.01 else f"${cost:,.2f}"


def _size(size: int) -> str:
    for unit, power in (("GB", 30), ("MB", 20), ("KB", 10)):
        if size >= 2**power:
            return f"{size / 2**power:,.1f} {unit}"
    return f"{size} bytes"


def _say(text: str) -> None:
    out.print(text, soft_wrap=True, highlight=False, markup=False)


def _document(found: Inventory) -> dict[str, Any]:
    return {
        "stack": found.stack,
        "status": found.standing.status if found.standing else None,
        "resources": [
            {"resource": one.logical_id, "type": one.type, "physical_id": one.physical_id}
            for one in found.resources
        ],
        "tables": [asdict(one) for one in found.tables],
        "buckets": [asdict(one) for one in found.buckets],
        "code": asdict(found.code) if found.code else None,
        "logs": list(found.logs),
        "undrained": asdict(found.undrained) if found.undrained else None,
        "dollars_a_month": found.monthly_cost,
    }
