"""The page of one quarantined record: the reasons, an editor for its bytes, and its resubmission."""

from __future__ import annotations

import asyncio

from nicegui import ui

from orderstream.dashboard import background, components, links
from orderstream.dashboard.polling import await_stored
from orderstream.dashboard.viewer import Viewer
from orderstream.domain.decode import decode
from orderstream.domain.order import MAX_BYTES
from orderstream.errors import OrderstreamError
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.recovery.quarantine import QuarantinedRecord, Resubmission, find, resubmit


async def draw_record(viewer: Viewer, event_id: str) -> None:
    """Draw the page of the record with this event id."""
    ui.link("Quarantine", links.quarantine()).classes("text-sm")
    content = ui.column().classes("w-full max-w-3xl gap-2")
    with content:
        entry = await background.run(lambda note: find(viewer.feed.deployment, event_id))
        if entry:
            _Record(viewer, entry)


class _Record:
    """The record and its editor."""

    def __init__(self, viewer: Viewer, entry: QuarantinedRecord) -> None:
        self._viewer = viewer
        self._entry = entry
        line = entry.line
        raw = original_bytes(line)
        # Bytes that are not text are shown as replacement characters for the user to correct.
        self._before = (decode(raw).json or raw).decode(errors="replace")
        ui.label(line.order_id or "A record without an order id").classes("text-lg font-semibold break-all")
        with ui.row().classes("gap-x-2 gap-y-0 text-sm opacity-70"):
            ui.label("arrived")
            components.time(viewer.clock, line.arrived_at)
            ui.label(f"as {line.event_id}").classes("break-all")
        for reason in line.reasons:
            with ui.row().classes("gap-2 items-baseline"):
                ui.badge(reason["code"]).props("color=orange-9")
                ui.label(f"{reason['path']} {reason['message']}").classes("min-w-0 break-words")
        for note in entry.notes:
            ui.label(f"resubmitted {viewer.clock.text(note.at)} as {note.new_event_id}").classes(
                "text-sm break-all"
            )
        if len(self._before) > MAX_BYTES:
            ui.label(f"{len(raw):,} bytes are too many for an order, and to be edited here.")
            components.verbatim(self._before, raw, "record")
        else:
            self._draw_editor()

    def _draw_editor(self) -> None:
        self._text = ui.textarea("The order, as it will be sent", value=self._before)
        self._text.classes("w-full").props("outlined autogrow input-class=font-mono spellcheck=false")
        self._answer = ui.label().classes("break-words")
        self._link = ui.row()
        with ui.row():
            ui.button("Check", on_click=lambda: self._go(dry_run=True)).props("outline no-caps")
            self._send = ui.button("Resubmit", on_click=lambda: self._go(dry_run=False))
            self._send.props("unelevated no-caps")

    async def _go(self, *, dry_run: bool) -> None:
        feed = self._viewer.feed
        if not dry_run and not feed.is_local:
            question = f"This sends the record to stack {feed.name} on AWS."
            if not await components.is_confirmed(question, "Resubmit it"):
                return
        self._send.disable()
        try:
            (found,) = await asyncio.to_thread(self._resubmit, dry_run)
        except OrderstreamError as error:
            found = Resubmission(self._entry.line.event_id, "", False, error.message, error.hint)
        if self._send.is_deleted:
            # The page was left.
            return
        if not found.sent:
            self._say(f"Not sent: {found.problem}", "text-red-600 dark:text-red-400")
            self._send.enable()
        elif dry_run:
            self._say(f"It is an order now, and would be sent as {found.order_id}.", "")
            self._send.enable()
        else:
            self._say(f"Sent as order {found.order_id}; waiting until it is stored …", "")
            is_stored = await await_stored(feed, found.order_id)
            if self._send.is_deleted:
                return
            if is_stored:
                self._say(f"Order {found.order_id} is stored.", "text-green-700 dark:text-green-400")
            else:
                self._say(f"Sent as order {found.order_id}, but it is not stored yet: look for it later.", "")
            with self._link:
                ui.link("Show the order", links.order(found.order_id))

    def _resubmit(self, dry_run: bool) -> list[Resubmission]:
        text = self._text.value or ""
        # An unedited record is resubmitted byte for byte.
        edited = None if text == self._before else text.encode()
        return list(resubmit(self._viewer.feed.deployment, [self._entry], edited=edited, dry_run=dry_run))

    def _say(self, text: str, colour: str) -> None:
        self._answer.set_text(text)
        self._answer.classes(replace=f"break-words {colour}")
