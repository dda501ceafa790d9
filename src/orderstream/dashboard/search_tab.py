"""The tab to find orders: one by its id, with its trace and bytes, or those of a customer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from nicegui import ui

from orderstream.dashboard import components
from orderstream.dashboard.status_feed import StatusFeed
from orderstream.dashboard.time_format import TimeFormat, utc
from orderstream.domain.fields import timestamp
from orderstream.errors import NotFoundError, OrderstreamError
from orderstream.lookup.trace import OrderTrace, trace
from orderstream.storage.bucket import ALL_TIME, TimeRange
from orderstream.storage.orders import Item, by_customer, get_order, list_orders, raw_order

MOST_ORDERS = 100
# A trace reads the archive's objects, each of which costs a request on AWS: one day by default.
_USUAL = timedelta(days=1)
_ICONS = {
    "dated": "event",
    "arrived": "login",
    "archived": "inventory_2",
    "delivered": "bolt",
    "failed": "replay",
    "stored": "check_circle",
    "duplicate": "content_copy",
    "quarantined": "rule",
    "resubmitted": "send",
    "discarded": "warning",
    "redriven": "replay",
    "erased": "delete",
    "open": "hourglass_empty",
}


class SearchTab:
    """The tab."""

    def __init__(self, source: StatusFeed, clock: Callable[[], TimeFormat]) -> None:
        self._source = source
        self._clock = clock
        self._asked = 0
        with ui.row().classes("w-full items-center gap-2"):
            self._text = (
                ui.input("order id or customer").classes("grow min-w-0").props("outlined dense clearable")
            )
            self._text.on("keydown.enter", self._search)
            ui.button("Find", on_click=self._search).props("unelevated")
        with ui.column().classes("w-full gap-2 mt-2") as self._found:
            ui.label("An order's id shows what became of it; a customer's, all of their orders.").classes(
                "opacity-70"
            )

    async def open(self, text: str) -> None:
        """Find this order or customer."""
        self._text.set_value(text)
        await self._search()

    async def _search(self) -> None:
        text = (self._text.value or "").strip()
        if not text:
            return
        self._asked += 1
        asked = self._asked
        self._found.clear()
        with self._found:
            waiting = ui.spinner(size="lg")
        item, orders, problems = await asyncio.to_thread(self._look, text)
        if asked != self._asked:
            return
        waiting.delete()
        with self._found:
            for problem in problems:
                components.say_problem(problem)
            if orders:
                self._show_customer(text, orders)
            if item:
                self._show_item(item)
            if item or not orders:
                await self._show_trace(text, item)

    def _look(self, text: str) -> tuple[Item | None, list[Item], list[OrderstreamError]]:
        item: Item | None = None
        orders: list[Item] = []
        problems: list[OrderstreamError] = []
        try:
            deployment = self._source.deployment
            try:
                item = get_order(deployment, text)
            except NotFoundError:
                pass
            if deployment.customer_index:
                orders = list(list_orders(deployment, by_customer(deployment, text), limit=MOST_ORDERS))
        except OrderstreamError as error:
            problems.append(error)
        return item, orders, problems

    def _show_customer(self, customer: str, orders: list[Item]) -> None:
        number = f"the {MOST_ORDERS} newest orders" if len(orders) == MOST_ORDERS else f"{len(orders)} orders"
        with components.card(f"Customer {customer}: {number if len(orders) > 1 else '1 order'}"):
            components.orders_table(self.open).rows = components.order_rows(orders, self._clock())

    def _show_item(self, item: Item) -> None:
        with components.card(f"Order {item['OrderID']}"):
            ui.label(
                f"{components.amount(item)} {item['Currency']} of customer {item['CustomerID']}"
            ).classes("text-lg")
            with ui.expansion("The item in the table", icon="table_rows").classes("w-full").props("dense"):
                stored = components.as_json(item)
                components.verbatim(stored, stored.encode(), "item.json")
            raw = (
                ui.expansion("Its bytes, as they were sent", icon="data_object")
                .classes("w-full")
                .props("dense")
            )

            async def open_raw() -> None:
                if raw.value and not raw.default_slot.children:
                    try:
                        data = await asyncio.to_thread(self._raw, item["OrderID"])
                    except OrderstreamError as error:
                        components.say_problem(error)
                        return
                    with raw:
                        components.verbatim(components.readable(data), data, "order.json")

            raw.on_value_change(open_raw)

    def _raw(self, order_id: str) -> bytes:
        return raw_order(self._source.deployment, order_id)

    async def _show_trace(self, text: str, item: Item | None) -> None:
        if item:
            span = TimeRange(None, timestamp(item["ReceivedAt"]) + _USUAL)
            said = "Looked for in the day after its arrival."
        else:
            span = TimeRange(self._source.cloud.now() - _USUAL, None)
            said = "Looked for in the last day."
        with components.card("Its story"):
            place = ui.column().classes("w-full gap-0")
            with ui.row().classes("items-center gap-2"):
                ui.label(said).classes("text-sm opacity-70")

                async def look_further() -> None:
                    everywhere.disable()
                    await self._tell(place, text, ALL_TIME)

                everywhere = ui.button("Search everything", on_click=look_further).props("flat dense no-caps")
        await self._tell(place, text, span)

    async def _tell(self, place: ui.column, order_id: str, span: TimeRange) -> None:
        place.clear()
        with place, ui.row().classes("items-center"):
            ui.spinner()
            doing = ui.label("searching …").classes("text-sm opacity-70")
        seen: dict[str, int] = {}
        timer = ui.timer(0.5, lambda: doing.set_text(", ".join(f"{n:,} {what}" for what, n in seen.items())))
        try:
            order_trace = await asyncio.to_thread(self._trace, order_id, span, seen)
        except OrderstreamError as error:
            order_trace = None
            said = f"{error.message}. {error.hint}".strip()
        timer.cancel()
        place.clear()
        with place:
            if order_trace is None:
                ui.label(said).classes("opacity-80")
            else:
                self._draw(order_trace)

    def _trace(self, order_id: str, span: TimeRange, seen: dict[str, int]) -> OrderTrace:
        def note(what: str, done: int | None = None, of: int | None = None, /) -> None:
            seen[what] = done or 0

        return trace(self._source.deployment, order_id, span, progress=note)

    def _draw(self, order_trace: OrderTrace) -> None:
        clock = self._clock()
        for step in order_trace.steps:
            with ui.row().classes("w-full flex-nowrap gap-x-3 py-1 border-b border-gray-500/20"):
                ui.icon(_ICONS.get(step.what, "circle")).classes("text-xl opacity-80")
                with ui.column().classes("gap-0 min-w-0"):
                    with ui.row().classes("gap-x-3 gap-y-0 items-baseline"):
                        ui.label(step.what).classes("font-medium")
                        at = ui.label(clock.text(step.at) if step.at else "nobody knows when")
                        at.classes("text-sm opacity-70")
                        if step.at:
                            at.props(f'title="{utc(step.at)}"')
                    for line in filter(None, (step.detail, step.where, step.event_id)):
                        ui.label(line).classes("text-sm opacity-70 break-all")
