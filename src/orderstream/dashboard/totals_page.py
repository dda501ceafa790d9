"""The totals of the last hour, by status and by customer: read again and again."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from nicegui import ui

from orderstream.dashboard import background, components, links
from orderstream.dashboard.order_table import in_groups
from orderstream.dashboard.tables import Column, set_rows, stacked_table
from orderstream.dashboard.viewer import Viewer
from orderstream.errors import OrderstreamError
from orderstream.progress import Progress, no_progress
from orderstream.storage.bucket import TimeRange
from orderstream.storage.totals import Dimension, Total, TotalsReport, narrow, read_totals

_SPAN = timedelta(hours=1)
_SECONDS_BETWEEN_READINGS = 10.0
_MOST_CUSTOMERS = 10
_AMOUNTS = ("total", "captured", "refunded", "net")
_SUMS = (
    Column("currency", "Currency"),
    Column("orders", "Orders", align="right"),
    *(Column(name, name.capitalize(), align="right") for name in _AMOUNTS),
)


async def draw_totals(viewer: Viewer) -> None:
    """Draw the page."""
    with ui.column().classes("w-full gap-2"):
        ui.label(
            "The orders of the last hour, with what became of them since. Refunded amounts are negative."
        ).classes("text-sm opacity-70")
        found = await background.run(lambda note: _read(viewer, note))
        if found is not None:
            _TotalsTables(viewer, found)


def _read(viewer: Viewer, progress: Progress) -> TotalsReport:
    deployment = viewer.feed.deployment
    span = TimeRange(deployment.cloud.now() - _SPAN)
    return read_totals(deployment, span, (Dimension.CUSTOMER, Dimension.STATUS), progress=progress)


class _TotalsTables:
    """Both tables, and what is wrong with them."""

    def __init__(self, viewer: Viewer, found: TotalsReport) -> None:
        self._viewer = viewer
        self._problem = ui.label().classes("text-sm text-red-600 dark:text-red-400 break-words")
        with components.card("By status"):
            self._statuses = stacked_table((Column("status", "Status"), *_SUMS), row_key="key")
        with components.card(f"By customer: the {_MOST_CUSTOMERS} highest totals of each currency"):
            columns = (Column("customer", "Customer", link="href"), *_SUMS)
            self._customers = stacked_table(columns, row_key="key")
        self._show(found)
        ui.timer(_SECONDS_BETWEEN_READINGS, self._read_again, immediate=False)

    async def _read_again(self) -> None:
        # Reading costs money on AWS.
        if self._viewer.hidden:
            return
        try:
            found = await asyncio.to_thread(_read, self._viewer, no_progress)
        except OrderstreamError as error:
            self._problem.set_text(error.message)
            return
        if not self._problem.is_deleted:
            self._show(found)

    def _show(self, found: TotalsReport) -> None:
        since = found.rebuilding_since
        self._problem.set_text(f"Incomplete: they are being rebuilt since {since}." if since else "")
        set_rows(self._statuses, [self._row(one) for one in narrow(found.totals, (Dimension.STATUS,))])
        rows = []
        shown: Counter[str] = Counter()
        for one in narrow(found.totals, (Dimension.CUSTOMER,)):
            shown[one.key[Dimension.CURRENCY]] += 1
            if shown[one.key[Dimension.CURRENCY]] <= _MOST_CUSTOMERS:
                rows.append(self._row(one))
        set_rows(self._customers, rows)

    def _row(self, one: Total) -> dict[str, str]:
        currency = one.key[Dimension.CURRENCY]
        row = {name.value: value for name, value in one.key.items()}
        row |= {name: in_groups(getattr(one.sums, name), currency) for name in _AMOUNTS}
        customer = one.key.get(Dimension.CUSTOMER, "")
        return row | {
            "key": str(list(one.key.values())),
            "orders": f"{one.sums.orders:,}",
            "href": self._viewer.href(links.orders(customer=customer)),
        }
