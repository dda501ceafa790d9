"""What waits: events whose order has not arrived, and orders of which an event has not arrived."""

from __future__ import annotations

from itertools import islice

from nicegui import ui

from orderstream.dashboard import background, links
from orderstream.dashboard.tables import Column, set_rows, stacked_table
from orderstream.dashboard.time_format import utc
from orderstream.dashboard.viewer import Viewer
from orderstream.storage.order_events import WaitingOrder, waiting

MOST_SHOWN = 200
_COLUMNS = (
    Column("time", "Since"),
    Column("order", "Order", link="href"),
    Column("for", "Waits for"),
    Column("events", "Events that have arrived"),
)


async def draw_waiting(viewer: Viewer) -> None:
    """Draw the page."""
    with ui.column().classes("w-full gap-2"):
        ui.label(
            "Events whose order has not arrived, and orders of which an event has not arrived. Oldest first."
        ).classes("text-sm opacity-70")
        found = await background.run(lambda note: [*islice(waiting(viewer.feed.deployment), MOST_SHOWN + 1)])
        if found is None:
            return
        if not found:
            ui.label("No order waits.")
            return
        table = stacked_table(_COLUMNS, row_key="order")
        set_rows(table, [_row(viewer, one) for one in found[:MOST_SHOWN]])
        if len(found) > MOST_SHOWN:
            ui.label(f"The first {MOST_SHOWN} are shown. For all of them: orders waiting")


def _row(viewer: Viewer, one: WaitingOrder) -> dict[str, str]:
    return {
        "time": viewer.clock.text(one.since),
        "utc": utc(one.since),
        "order": one.order_id,
        "href": viewer.href(links.order(one.order_id)),
        "for": "the order" if one.missing_seq is None else f"seq {one.missing_seq}",
        "events": ", ".join(row["Event"] for row in one.events),
    }
