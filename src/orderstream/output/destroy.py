"""Prints the inventory of a stack and the result of destroying it, for people and programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Column
from rich.text import Text

from orderstream.output.console import err, out, print_json, problem
from orderstream.output.numbers import dollars, size
from orderstream.output.terminal import SafeTable

if TYPE_CHECKING:
    from orderstream.aws.location import Location
    from orderstream.deploy.destroy import DestroyResult
    from orderstream.deploy.inventory import Inventory

MOST_LINES = 20


def print_inventory(found: Inventory, location: Location, *, delete_data: bool, as_json: bool) -> None:
    """Print everything that exists, what would happen to it, and what it costs to keep."""
    if as_json:
        print_json(_document(found) | {"place": location.document()})
        return
    if found.is_empty:
        out.print(f"there is nothing of a stack {found.stack} here")
        return
    kept = {one.name for one in found.tables} | {one.name for one in found.buckets}
    if found.resources:
        table = SafeTable("resource", "type", Column("what it is", no_wrap=True), "result")
        for one in found.resources:
            stays = one.physical_id in kept and not delete_data
            outcome = Text("stays") if stays else Text("goes", "red")
            table.add_row(one.logical_id, one.type, one.physical_id, outcome)
        out.print(table)
    its_outcome = "goes" if delete_data else "stays"
    for has in found.tables:
        units = f", {has.write_units:,} write units provisioned" if has.write_units else ""
        out.print(
            f"table {has.name}: {has.items:,} items, {size(has.size + has.index_size)}{units}; {its_outcome}"
        )
    for held in found.buckets:
        lock = f"; Object Lock: {held.lock}" if held.lock else ""
        out.print(
            f"{held.purpose} {held.name}: {held.objects:,} objects, {held.versions:,} versions,"
            f" {held.markers:,} delete markers, {size(held.size)}{lock}; {its_outcome}"
        )
    if found.code:
        out.print(
            f"code under s3://{found.code.name}/{found.stack}/: {found.code.versions:,} objects,"
            f" {size(found.code.size)}; goes. The bucket serves other stacks too, and stays"
        )
    for name in found.logs:
        out.print(f"log group {name}, which Lambda made and no stack keeps; {its_outcome}")
    for name in found.secrets:
        out.print(f"secret {name}, of a webhook; goes")
    if found.is_protected:
        problem("it is protected from deletion (DeletionProtection=true)")
    _undrained(found)
    if not delete_data and (found.tables or found.buckets):
        out.print(f"what stays costs {_dollars(found)} a month; --delete-data deletes it too")


def _undrained(found: Inventory) -> None:
    if not found.pending:
        return
    about, lost = found.pending, []
    if about.is_behind:
        lost.append(f"the function was {about.age_seconds:,.0f} s behind the stream within the last minutes")
    if about.quarantined:
        lost.append(f"{about.quarantined:,} records in quarantine that were not resubmitted")
    if about.discarded:
        lost.append(f"{about.discarded:,} discarded batches that were not redriven")
    if lost:
        problem("not drained: " + "; ".join(lost))
    elif found.standing:
        out.print("drained: nothing behind on the stream, nothing open in quarantine, no discarded batches")
    if found.standing:
        out.print("the stream goes, with what is on it")


def print_destroy(
    found: Inventory, done: DestroyResult, location: Location, *, delete_data: bool, as_json: bool
) -> None:
    """Print what was deleted, and what is left."""
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
                "place": location.document(),
            }
        )
        return
    if done.locked:
        until = f" until {done.locked_until:%Y-%m-%d %H:%M} UTC" if done.locked_until else ""
        problem(f"Object Lock holds {done.locked:,} versions{until}: run the same command again then")
    for line in done.left[:MOST_LINES]:
        problem(f"left: {line}")
    if done.left:
        err.print(Text.assemble(("not everything went", "red"), "; the same command goes on"))
    elif after and after.is_empty:
        out.print(Text.assemble(("gone", "green"), f": nothing of {found.stack} is here any more"))
    elif after:
        names = [f"table {one.name}" for one in after.tables] + [f"s3://{one.name}" for one in after.buckets]
        names += [f"log group {name}" for name in after.logs]
        out.print(Text.assemble(("gone", "green"), f": stack {found.stack}"))
        out.print(f"{', '.join(names)} stay, at {_dollars(after)} a month")
        out.print("orders deploy takes them over again; orders destroy --delete-data removes them")


def _dollars(found: Inventory) -> str:
    cost = found.monthly_cost
    return "less than a cent" if cost < 0.01 else dollars(cost)


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
        "secrets": list(found.secrets),
        "pending": asdict(found.pending) if found.pending else None,
        "dollars_a_month": found.monthly_cost,
    }
