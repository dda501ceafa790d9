"""The dialog for one quarantined record: the reasons, an editor for its bytes, and resubmission."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from nicegui import ui

from orderstream.dashboard import components
from orderstream.dashboard.polling import await_stored
from orderstream.dashboard.status_feed import StatusFeed
from orderstream.dashboard.time_format import TimeFormat, utc
from orderstream.domain.decode import decode
from orderstream.domain.order import MAX_BYTES
from orderstream.errors import OrderstreamError
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.recovery.quarantine import QuarantinedRecord, Resubmission, resubmit


class EditDialog:
    """The dialog, opened immediately. `on_done` is called when the record was resubmitted."""

    def __init__(
        self,
        source: StatusFeed,
        clock: TimeFormat,
        entry: QuarantinedRecord,
        on_done: Callable[[], Awaitable[None]],
    ) -> None:
        self._source = source
        self._entry = entry
        self._on_done = on_done
        line = entry.line
        raw = original_bytes(line)
        # Bytes that are not text are shown as replacement characters for the user to correct.
        self._before = (decode(raw).json or raw).decode(errors="replace")
        with ui.dialog(value=True) as self._dialog, ui.card().classes("w-full max-w-3xl gap-2"):
            ui.label(line.order_id or "A record without an id").classes("text-lg font-semibold break-all")
            ui.label(f"arrived {clock.text(line.arrived_at)} as {line.event_id}").classes(
                "text-sm opacity-70 break-all"
            ).props(f'title="{utc(line.arrived_at)}"')
            for reason in line.reasons:
                with ui.row().classes("gap-2 items-baseline"):
                    ui.badge(reason["code"]).props("color=orange-9")
                    ui.label(f"{reason['path']} {reason['message']}").classes("min-w-0 break-words")
            for note in entry.notes:
                ui.label(f"resubmitted {clock.text(note.at)} as {note.new_event_id}").classes(
                    "text-sm break-all"
                )
            if len(self._before) > MAX_BYTES:
                ui.label(f"{len(raw):,} bytes are too many for an order, and to be edited here.")
                components.verbatim(self._before, raw, "record")
                ui.button("Close", on_click=self._dialog.close).props("flat").classes("self-end")
            else:
                self._draw_editor()
        self._dialog.on("hide", self._dialog.delete)

    def _draw_editor(self) -> None:
        self._text = ui.textarea("the order, as it will be sent", value=self._before)
        self._text.classes("w-full").props("outlined autogrow input-class=font-mono spellcheck=false")
        self._answer = ui.label().classes("break-words")
        with ui.row().classes("w-full justify-end"):
            ui.button("Close", on_click=self._dialog.close).props("flat")
            ui.button("Check", on_click=lambda: self._go(dry_run=True)).props("outline")
            self._send = ui.button("Resubmit", on_click=lambda: self._go(dry_run=False)).props("unelevated")

    async def _go(self, *, dry_run: bool) -> None:
        self._send.disable()
        try:
            (found,) = await asyncio.to_thread(self._resubmit, dry_run)
        except OrderstreamError as error:
            found = Resubmission(self._entry.line.event_id, "", False, error.message, error.hint)
        if not found.sent:
            self._say(f"Not sent: {found.problem}", "text-red-600 dark:text-red-400")
            self._send.enable()
        elif dry_run:
            self._say(f"It is an order now, and would be sent as {found.order_id}.", "")
            self._send.enable()
        else:
            self._say(f"Sent as order {found.order_id}; waiting until it is stored …", "")
            if await await_stored(self._source, found.order_id):
                self._say(f"Order {found.order_id} is stored.", "text-green-700 dark:text-green-400")
            else:
                self._say(f"Sent as order {found.order_id}, but it is not stored yet: look for it later.", "")
            await self._on_done()

    def _resubmit(self, dry_run: bool) -> list[Resubmission]:
        text = self._text.value or ""
        # An unedited record is resubmitted byte for byte.
        edited = None if text == self._before else text.encode()
        return list(resubmit(self._source.deployment, [self._entry], edited=edited, dry_run=dry_run))

    def _say(self, text: str, colour: str) -> None:
        self._answer.set_text(text)
        self._answer.classes(replace=f"break-words {colour}")
