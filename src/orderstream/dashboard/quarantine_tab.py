"""The tab for quarantined records: view, edit and resubmit them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import timedelta

from nicegui import ui

from orderstream.dashboard import components
from orderstream.dashboard.edit_dialog import EditDialog
from orderstream.dashboard.status_feed import StatusFeed
from orderstream.dashboard.time_format import TimeFormat, utc
from orderstream.errors import OrderstreamError
from orderstream.recovery.quarantine import QuarantinedRecord, list_quarantined, reasons_text
from orderstream.storage.bucket import TimeRange

MOST_RECORDS = 500
_SPANS = {
    "an hour": timedelta(hours=1),
    "a day": timedelta(days=1),
    "a week": timedelta(weeks=1),
    "all time": None,
}
_COLUMNS = (("time", "arrived"), ("why", "why"), ("order_id", "order"), ("sent", "resubmitted"))


class QuarantineTab:
    """The tab."""

    def __init__(self, source: StatusFeed, clock: Callable[[], TimeFormat]) -> None:
        self._source = source
        self._clock = clock
        self._entries: dict[str, QuarantinedRecord] = {}
        with ui.row().classes("w-full items-center gap-2"):
            self._span = (
                ui.select([*_SPANS], value="a day", label="of the last")
                .classes("w-32")
                .props("outlined dense")
            )
            self._all = ui.switch("resubmitted too")
            ui.button(icon="refresh", on_click=self.load).props('flat round dense aria-label="look again"')
            self._busy = ui.spinner()
            self._busy.set_visibility(False)
        self._span.on_value_change(self.load)
        self._all.on_value_change(self.load)
        self._said = ui.label().classes("opacity-70 mt-2")
        columns = [
            {
                "name": name,
                "label": label,
                "field": name,
                "align": "left",
                "classes": "" if name == "why" else "whitespace-nowrap",
            }
            for name, label in _COLUMNS
        ]
        self._table = ui.table(columns=columns, rows=[], row_key="event_id", pagination={"rowsPerPage": 20})
        self._table.classes("w-full cursor-pointer").props("flat dense bordered wrap-cells")
        components.with_utc(self._table)
        self._table.on(
            "rowClick", lambda event: self._open(event.args[1]["event_id"]), [[], ["event_id"], []]
        )
        # For keyboard users.
        self._table.add_slot(
            "body-cell-why",
            '<q-td :props="props" tabindex="0"'
            " @keyup.enter=\"$parent.$emit('open', props.row.event_id)\">{{ props.value }}</q-td>",
        )
        self._table.on("open", lambda event: self._open(event.args))
        self._table.set_visibility(False)

    async def load(self) -> None:
        """Reload the quarantine."""
        self._busy.set_visibility(True)
        try:
            found = await asyncio.to_thread(self._look)
        except OrderstreamError as error:
            components.say_problem(error)
            return
        finally:
            self._busy.set_visibility(False)
        self._entries = {entry.line.event_id: entry for entry in found}
        self._table.set_visibility(bool(found))
        self._table.rows = [self._row(entry) for entry in found]
        if not found:
            self._said.set_text("Nothing is in quarantine here: every record was an order, or was put back.")
        elif len(found) == MOST_RECORDS:
            self._said.set_text(f"The {MOST_RECORDS} newest. Click one to edit it.")
        else:
            self._said.set_text("Click one to see all of it, and to edit it.")

    def _look(self) -> list[QuarantinedRecord]:
        back = _SPANS[self._span.value]
        span = TimeRange(self._source.cloud.now() - back if back else None, None)
        wanted = (
            entry
            for entry in list_quarantined(self._source.deployment, span)
            if self._all.value or not entry.notes
        )
        # They are listed by hour, and within an hour by shard.
        newest = deque(wanted, MOST_RECORDS)
        return sorted(newest, key=lambda entry: entry.line.arrived_at, reverse=True)

    def _row(self, entry: QuarantinedRecord) -> dict[str, str]:
        line = entry.line
        return {
            "time": self._clock().text(line.arrived_at),
            "utc": utc(line.arrived_at),
            "why": reasons_text(line),
            "order_id": line.order_id or "",
            "event_id": line.event_id,
            "sent": self._clock().text(entry.notes[-1].at) if entry.notes else "",
        }

    def _open(self, event_id: str) -> None:
        entry = self._entries.get(event_id)
        if entry:
            EditDialog(self._source, self._clock(), entry, on_done=self.load)
