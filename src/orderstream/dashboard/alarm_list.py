"""The alarms: those that are on with what to do, the others folded."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from orderstream.dashboard import components
from orderstream.dashboard.runbook import page_of
from orderstream.dashboard.time_format import TimeFormat
from orderstream.monitoring.health import AlarmState


class AlarmList:
    """The list; it is redrawn only when an alarm changes, so that what is unfolded stays so."""

    def __init__(self, clock: TimeFormat) -> None:
        self._clock = clock
        self._place = ui.column().classes("w-full gap-2 mt-2")
        self._drawn: list[AlarmState] = []

    def show(self, alarms: Sequence[AlarmState]) -> None:
        """Show these alarms."""
        if self._drawn == [*alarms]:
            return
        self._drawn = [*alarms]
        self._place.clear()
        quiet = [alarm for alarm in alarms if alarm.state != "alarm"]
        with self._place:
            for alarm in alarms:
                if alarm.state == "alarm":
                    _draw(alarm, self._clock)
            if quiet:
                said = f"{len(quiet)} alarms are quiet"
                with ui.expansion(said, icon="notifications_none").classes("w-full").props("dense"):
                    for alarm in quiet:
                        with ui.row().classes("w-full gap-x-3 gap-y-0 py-1 items-baseline"):
                            ui.label(alarm.name).classes("font-medium")
                            ui.label(alarm.says).classes("opacity-70 text-sm min-w-0")


def _draw(alarm: AlarmState, clock: TimeFormat) -> None:
    with ui.card().classes("w-full p-3 gap-1 border-l-4 border-red-600").props("flat bordered"):
        with ui.row().classes("w-full items-baseline gap-x-3 gap-y-0"):
            ui.icon("notifications_active").classes("text-red-600 self-center")
            ui.label(alarm.name).classes("font-semibold text-red-600")
            ui.label(alarm.says).classes("min-w-0")
            if alarm.since:
                with ui.row().classes("gap-1 opacity-70 text-sm"):
                    ui.label("since")
                    components.time(clock, alarm.since)
        if alarm.runbook.startswith(("http://", "https://")):
            ui.link(alarm.runbook, alarm.runbook, new_tab=True).classes("text-sm break-all")
        said = page_of(alarm.runbook)
        if said:
            with ui.expansion("What to do", icon="menu_book").classes("w-full").props("dense"):
                ui.markdown(said).classes("text-sm w-full break-words")
