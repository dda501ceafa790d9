"""Plans and results of work on the archive, as people and programs see them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from orderstream.domain.values import utc_text
from orderstream.show.console import err, out, print_json, problem

if TYPE_CHECKING:
    from orderstream.archive.plan import Plan
    from orderstream.archive.replay import Replayed, Selection


def replay_plan(plan: Plan, selection: Selection, *, to: str, as_json: bool) -> None:
    """What would be read, how long it takes at least, and what it costs."""
    if as_json:
        print_json(asdict(plan) | {"to": to})
        return
    since, until = selection.span.since, selection.span.until
    table = Table(show_header=False, box=None)
    table.add_row(
        "arrived", f"{utc_text(since) if since else 'ever'} to {utc_text(until) if until else 'now'}"
    )
    for name, wanted in (("customer", selection.customer_id), ("order", selection.order_id)):
        if wanted is not None:
            table.add_row(f"only {name}", escape(wanted))
    table.add_row("objects", f"{plan.objects:,} of {plan.bytes:,} bytes")
    table.add_row("events", f"about {plan.events:,}")
    table.add_row("takes at least", str(timedelta(seconds=round(plan.seconds))))
    table.add_row("costs at most", f"${plan.dollars}, to the {to}")
    err.print(table)


def replayed(done: Replayed, *, as_json: bool) -> None:
    """What became of the events."""
    for what in done.damaged:
        problem(what)
    for what in done.problems:
        problem(f"not replayed: {what}")
    if as_json:
        print_json(asdict(done))
        return
    table = Table("event", "count")
    table.columns[1].justify = "right"
    rows = {
        "read": done.read,
        "the same in another object": done.again,
        "stored": done.stored,
        "there already": done.duplicates,
        "sent": done.sent,
        "no order or a conflict, in quarantine": done.refused,
        "failed": done.failed,
    }
    for name, count in rows.items():
        if count or name == "read":
            table.add_row(name, f"{count:,}")
    out.print(table)
