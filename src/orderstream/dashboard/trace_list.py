"""The steps of a trace: what happened to an order, with its time, its place and its event."""

from __future__ import annotations

from collections.abc import Iterable

from nicegui import ui

from orderstream.dashboard import components
from orderstream.dashboard.time_format import TimeFormat
from orderstream.lookup.trace import TraceEvent

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


def draw_steps(clock: TimeFormat, steps: Iterable[TraceEvent]) -> None:
    """Draw the steps, one below the other."""
    for step in steps:
        with ui.row().classes("w-full flex-nowrap gap-x-3 py-1 border-b border-gray-500/20"):
            ui.icon(_ICONS.get(step.what, "circle")).classes("text-xl opacity-80")
            with ui.column().classes("gap-0 min-w-0"):
                with ui.row().classes("gap-x-3 gap-y-0 items-baseline"):
                    ui.label(step.what).classes("font-medium")
                    if step.at:
                        components.time(clock, step.at).classes("text-sm opacity-70")
                    else:
                        ui.label("at an unknown time").classes("text-sm opacity-70")
                for line in filter(None, (step.detail, step.where, step.event_id)):
                    ui.label(line).classes("text-sm opacity-70 break-all")
