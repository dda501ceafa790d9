"""The page of one order: its timeline, item and bytes at once, everything that happened on demand."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from nicegui import ui

from orderstream.dashboard import background, components, links
from orderstream.dashboard.order_table import in_groups
from orderstream.dashboard.timeline import draw_timeline
from orderstream.dashboard.trace_list import draw_steps
from orderstream.dashboard.viewer import Viewer
from orderstream.domain.fields import timestamp
from orderstream.errors import NotFoundError
from orderstream.lookup.order_history import OrderHistory, order_history
from orderstream.lookup.trace import OrderTrace, trace
from orderstream.progress import Progress
from orderstream.storage.bucket import ALL_TIME, TimeRange
from orderstream.storage.orders import Item, get_order, originals

# A trace reads the archive's objects, each of which costs a request on AWS.
_DAY = timedelta(days=1)


class OrderDetails(NamedTuple):
    """An order of the table, and its bytes as sent; None if the archive does not have them."""

    item: Item
    data: bytes | None


def stored_order(viewer: Viewer, order_id: str) -> OrderDetails | None:
    """The order, read from the table and from the one object that its item names; None if there is none."""
    deployment = viewer.feed.deployment
    try:
        item = get_order(deployment, order_id)
    except NotFoundError:
        return None
    return OrderDetails(item, originals(deployment, [item]).get(order_id))


async def draw_order(viewer: Viewer, order_id: str) -> None:
    """Draw the page."""
    ui.label(f"Order {order_id}").classes("text-lg font-semibold break-all")
    content = ui.column().classes("w-full gap-2")
    with content:
        found = await background.run(lambda note: (stored_order(viewer, order_id), _past(viewer, order_id)))
        if found is None:
            return
        stored, past = found
        if stored is None and past is not None:
            draw_timeline(viewer.clock, past)
        elif stored is None:
            ui.label("There is no order with this id in the table.")
            ui.label(
                "It may be on its way, or in quarantine. An order sent without an id has that of its event."
            ).classes("text-sm opacity-70")
        else:
            _draw_stored(viewer, stored, past)
        _Story(viewer, order_id, stored.item if stored else None)


def _past(viewer: Viewer, order_id: str) -> OrderHistory | None:
    try:
        return order_history(viewer.feed.deployment, order_id)
    except NotFoundError:
        return None


def _draw_stored(viewer: Viewer, stored: OrderDetails, past: OrderHistory | None) -> None:
    item = stored.item
    with ui.row().classes("items-baseline gap-x-4 gap-y-0"):
        ui.label(f"{in_groups(item['OrderAmount'], item['Currency'])} {item['Currency']}").classes(
            "text-lg break-all"
        )
        with ui.row().classes("gap-1 min-w-0"):
            ui.label("customer")
            ui.link(item["CustomerID"], links.orders(customer=item["CustomerID"])).classes("break-all")
        with ui.row().classes("gap-1"):
            ui.label("arrived")
            components.time(viewer.clock, item["ReceivedAt"])
    if past is not None:
        draw_timeline(viewer.clock, past)
    with components.card("Item in the table"):
        text = components.as_json(item)
        components.verbatim(text, text.encode(), "item.json")
    with components.card("Bytes as sent"):
        if stored.data is None:
            ui.label("The archive does not have them where the item says. Run: orders stack verify")
        else:
            components.verbatim(components.readable(stored.data), stored.data, "order.json")


class _Story:
    """The card for everything that happened to the order, which is searched for on demand."""

    def __init__(self, viewer: Viewer, order_id: str, item: Item | None) -> None:
        self._viewer = viewer
        self._order_id = order_id
        now = viewer.feed.cloud.now()
        if item is None:
            day, of_day = TimeRange(now - _DAY, None), "Search the last day"
        else:
            day, of_day = (
                TimeRange(None, timestamp(item["ReceivedAt"]) + _DAY),
                "Search the day of its arrival",
            )
        with components.card("Everything that happened"):
            ui.label("Deliveries, duplicates, conflicts and resubmissions are found by reading the archive.")
            with ui.row().classes("gap-2"):
                self._buttons = [
                    ui.button(of_day, on_click=lambda: self._search(day)),
                    ui.button("Search all time", on_click=lambda: self._search(ALL_TIME)),
                ]
            for button in self._buttons:
                button.props("outline dense no-caps padding='2px 10px'")
            self._place = ui.column().classes("w-full gap-0")

    async def _search(self, span: TimeRange) -> None:
        def work(note: Progress) -> OrderTrace:
            return trace(self._viewer.feed.deployment, self._order_id, span, progress=note)

        self._place.clear()
        with background.disabled(*self._buttons), self._place:
            found = await background.run(work, "searching …")
            if found:
                draw_steps(self._viewer.clock, found.steps)
