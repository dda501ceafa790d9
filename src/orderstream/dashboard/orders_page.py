"""The list of orders: the latest first, filtered, page by page, with its export as CSV."""

from __future__ import annotations

from typing import NamedTuple

from nicegui import ui

from orderstream.dashboard import background, links
from orderstream.dashboard.order_csv import as_csv
from orderstream.dashboard.order_filters import FilterForm, position_of, read_filter, text_of
from orderstream.dashboard.order_table import found_rows, found_table
from orderstream.dashboard.tables import set_rows
from orderstream.dashboard.viewer import Viewer
from orderstream.lookup.newest_records import NewestRecords
from orderstream.lookup.order_search import FoundOrder, OrderFilter, is_by_index, search_orders
from orderstream.progress import Progress
from orderstream.storage import bucket

_PAGE = 50
MOST_EXPORTED = 10_000
# How many are collected at a time.
_PART = 1_000
_UNLISTED = "With ArchiveLayout=order, orders cannot be listed by time. Filter by customer."


async def draw_orders(viewer: Viewer, asked: dict[str, str], before: str) -> None:
    """Draw the page for the filters in its address; `before` is where it begins."""
    FilterForm(viewer, asked)
    with ui.column().classes("w-full gap-2 mt-2"):
        found = await background.run(lambda note: _search(viewer, asked, before, note))
        if found is None:
            return
        page = found.page
        with ui.row().classes("w-full items-center gap-x-4 gap-y-1"):
            ui.label(found.says).classes("text-sm opacity-70 min-w-0")
            ui.space()
            _ExportButton(viewer, asked)
        table = found_table("Order date" if found.by_index else "Arrived")
        table.set_visibility(bool(page.found))
        set_rows(table, found_rows(viewer, page.found))
        with ui.row().classes("w-full items-center gap-4"):
            if before:
                ui.link("Newest", links.orders(**asked))
            if page.next:
                text = "Older" if page.found else "Look further back"
                ui.link(text, links.orders(**asked, before=text_of(page.next)))


class _Found(NamedTuple):
    """A page of orders, whether the index by customer gave it, and what was looked at in words."""

    page: NewestRecords[FoundOrder]
    by_index: bool
    says: str


def _search(viewer: Viewer, asked: dict[str, str], before: str, note: Progress) -> _Found:
    deployment = viewer.feed.deployment
    wanted = read_filter(asked)
    by_index = is_by_index(deployment, wanted)
    page = search_orders(deployment, wanted, most=_PAGE, before=position_of(before), progress=note)
    if by_index:
        return _Found(page, True, _says_of_customer(viewer, page))
    if not page.objects and next(bucket.list_single_orders(deployment), None):
        return _Found(page, False, _UNLISTED)
    return _Found(page, False, _says(viewer, wanted, page))


def _says_of_customer(viewer: Viewer, page: NewestRecords[FoundOrder]) -> str:
    if page.since:
        which = f"back to {viewer.clock.text(page.since)}"
    else:
        which = "the newest" if page.next else "up to the oldest"
    return f"{_orders(page)} of the customer, as stored, by order date: {which}."


def _says(viewer: Viewer, wanted: OrderFilter, page: NewestRecords[FoundOrder]) -> str:
    """How far back the archive was looked at."""
    if page.next is None:
        end = viewer.clock.text(wanted.span.since) if wanted.span.since else "the beginning of the archive"
    else:
        is_full = len(page.found) == _PAGE
        end = viewer.clock.text(page.found[-1].at if is_full else page.since or page.next[0])
    read = f"{page.objects:,} object{'s' * (page.objects != 1)}"
    return f"{_orders(page)}. Looked back to {end}, in {read} of the archive."


def _orders(page: NewestRecords[FoundOrder]) -> str:
    return f"{len(page.found)} order{'s' * (len(page.found) != 1)}"


class _ExportButton:
    """Exports what the filters select, from the newest on."""

    def __init__(self, viewer: Viewer, asked: dict[str, str]) -> None:
        self._viewer = viewer
        self._asked = asked
        self._place = ui.row().classes("items-center")
        self._button = ui.button("Export CSV", icon="download", on_click=self._export)
        self._button.props("outline dense no-caps padding='2px 10px'")

    async def _export(self) -> None:
        with background.disabled(self._button), self._place:
            found = await background.run(self._collect, "collecting …")
        if found is None:
            return
        orders, is_all = found
        ui.download.content(as_csv(orders), "orders.csv", "text/csv")
        if not is_all:
            ui.notify(f"The newest {len(orders):,} orders are in the file. Narrow the time for others.")

    def _collect(self, note: Progress) -> tuple[list[FoundOrder], bool]:
        wanted = read_filter(self._asked)
        orders: list[FoundOrder] = []
        place = None
        while True:
            page = search_orders(
                self._viewer.feed.deployment, wanted, most=_PART, before=place, progress=note
            )
            orders += page.found
            note("orders collected", len(orders))
            place = page.next
            if place is None or len(orders) >= MOST_EXPORTED:
                return orders, place is None
