"""The quarantine: records grouped by reason, filtered, edited and resubmitted one by one or together."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from nicegui import ui

from orderstream.dashboard import background, links
from orderstream.dashboard.bulk_dialog import BulkDialog
from orderstream.dashboard.order_table import in_groups
from orderstream.dashboard.tables import Column, set_rows, stacked_table
from orderstream.dashboard.time_format import utc
from orderstream.dashboard.viewer import Viewer
from orderstream.lookup.record_summary import RecordSummary, summary_of
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.progress import Progress
from orderstream.recovery.quarantine import QuarantinedRecord, list_quarantined, reasons_text
from orderstream.storage.bucket import TimeRange

MOST_RECORDS = 500
_SPANS = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "all": None,
}
_SPAN_LABELS = {"hour": "Last hour", "day": "Last day", "week": "Last week", "all": "All time"}
_USUAL = "day"
_COLUMNS = (
    Column("time", "Arrived"),
    Column("order", "Record", link="href"),
    Column("customer", "Customer", link="customer_href"),
    Column("amount", "Amount", align="right"),
    Column("why", "Reason"),
)
_SENT = Column("sent", "Resubmitted")
# On one line.
_NAMELESS = "(no\u00a0order\u00a0id)"


async def draw_quarantine(viewer: Viewer, asked: dict[str, str]) -> None:
    """Draw the page for the filters in its address."""
    _draw_filters(asked)
    with ui.column().classes("w-full gap-2 mt-2"):
        found = await background.run(lambda note: _records(viewer, asked, note))
        if found is None:
            return
        _draw_reasons(asked, found)
        reason = asked["reason"]
        shown = [one for one in found if not reason or reason in _codes(one)]
        columns = (*_COLUMNS, _SENT) if asked["resubmitted"] else _COLUMNS
        _draw_records(viewer, shown, columns, is_cut=len(found) == MOST_RECORDS)


def _records(viewer: Viewer, asked: dict[str, str], note: Progress) -> list[QuarantinedRecord]:
    """The newest records that match, whatever their reason."""
    back = _SPANS.get(asked["span"] or _USUAL)
    span = TimeRange(viewer.feed.cloud.now() - back if back else None, None)
    newest: deque[QuarantinedRecord] = deque(maxlen=MOST_RECORDS)
    for number, entry in enumerate(list_quarantined(viewer.feed.deployment, span), start=1):
        note("records read", number)
        if entry.notes and not asked["resubmitted"]:
            continue
        if not asked["customer"] or asked["customer"] == _summary(entry).customer:
            newest.append(entry)
    # They are listed by hour, and within an hour by arrival.
    return [*reversed(newest)]


def _draw_filters(asked: dict[str, str]) -> None:
    def go(**changed: str) -> None:
        ui.navigate.to(links.quarantine(**(asked | changed)))

    with ui.row().classes("w-full items-center gap-2"):
        ui.select(
            _SPAN_LABELS,
            value=asked["span"] if asked["span"] in _SPANS else _USUAL,
            label="Arrived",
            on_change=lambda event: go(span=event.value),
        ).classes("w-36").props("outlined dense")
        customer = ui.input("Customer", value=asked["customer"]).classes("grow sm:grow-0 min-w-0")
        customer.props("outlined dense")
        customer.on("keydown.enter", lambda: go(customer=(customer.value or "").strip()))
        ui.switch(
            "Show resubmitted",
            value=bool(asked["resubmitted"]),
            on_change=lambda event: go(resubmitted="yes" if event.value else ""),
        )
        ui.button(icon="refresh", on_click=lambda: ui.context.client.sub_pages_router.refresh()).props(
            'flat round dense aria-label="Refresh"'
        )


def _draw_reasons(asked: dict[str, str], found: Sequence[QuarantinedRecord]) -> None:
    """A link to each reason, with the number of its records."""
    numbers = Counter(code for one in found for code in _codes(one))
    with ui.row().classes("w-full gap-x-4 gap-y-1").props("role=list aria-label=Reasons"):
        if asked["reason"]:
            ui.link("All reasons", links.quarantine(**(asked | {"reason": ""})))
        for code, number in numbers.most_common():
            link = ui.link(f"{code} {number:,}", links.quarantine(**(asked | {"reason": code})))
            if code == asked["reason"]:
                link.classes("font-semibold").props("aria-current=true")


def _draw_records(
    viewer: Viewer, shown: Sequence[QuarantinedRecord], columns: Sequence[Column], *, is_cut: bool
) -> None:
    if not shown:
        ui.label("No records here: every record was an order, or was resubmitted.").classes("opacity-70")
        return
    entries = {entry.line.event_id: entry for entry in shown}
    with ui.row().classes("w-full items-center gap-x-4 gap-y-1"):
        says = f"{len(shown):,} records" if len(shown) > 1 else "1 record"
        ui.label(says + (f", among the newest {MOST_RECORDS}" if is_cut else "")).classes(
            "opacity-70 text-sm"
        )
        ui.space()

        def chosen() -> list[QuarantinedRecord]:
            return [entries[row["event_id"]] for row in table.selected]

        edit = ui.button("Edit and resubmit", on_click=lambda: BulkDialog(viewer, chosen()))
        edit.props("outline dense no-caps padding='2px 10px'").set_enabled(False)
    # On a narrow screen the table has no head with such a box.
    with ui.row().classes("narrow-only items-center gap-2"):

        def choose(every: bool) -> None:
            table.selected = list(table.rows) if every else []
            edit.set_enabled(every)

        ui.checkbox("Select all", on_change=lambda event: choose(event.value)).props("dense")
    table = stacked_table(columns, row_key="event_id", selectable=True)
    table.on_select(lambda event: edit.set_enabled(bool(table.selected)))
    set_rows(table, [_row(viewer, entry) for entry in shown])


def _row(viewer: Viewer, entry: QuarantinedRecord) -> dict[str, Any]:
    line, said = entry.line, _summary(entry)
    number = said.number
    amount = in_groups(number, said.currency) if number is not None else said.amount
    return {
        "event_id": line.event_id,
        "time": viewer.clock.text(line.arrived_at),
        "utc": utc(line.arrived_at),
        "order": line.order_id or _NAMELESS,
        "href": viewer.href(links.quarantined(line.event_id)),
        "customer": said.customer,
        "customer_href": viewer.href(links.orders(customer=said.customer)) if said.customer else "",
        "amount": f"{amount} {said.currency}".strip(),
        "why": reasons_text(line),
        "sent": viewer.clock.text(entry.notes[-1].at) if entry.notes else "",
    }


def _summary(entry: QuarantinedRecord) -> RecordSummary:
    return summary_of(original_bytes(entry.line))


def _codes(entry: QuarantinedRecord) -> set[str]:
    return {reason["code"] for reason in entry.line.reasons}
