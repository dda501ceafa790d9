"""The dialog that sets fields in several quarantined records and resubmits them, as the command does."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from orderstream.dashboard import background, components
from orderstream.dashboard.viewer import Viewer
from orderstream.errors import InputError
from orderstream.progress import Progress
from orderstream.recovery.patch import parse_patch
from orderstream.recovery.quarantine import QuarantinedRecord, Resubmission, resubmit

# More results would slow down the page; the rest is counted.
_MOST_SHOWN = 100


class BulkDialog:
    """The dialog, opened immediately, for these records."""

    def __init__(self, viewer: Viewer, entries: Sequence[QuarantinedRecord]) -> None:
        self._viewer = viewer
        self._entries = entries
        self._is_sent = False
        with ui.dialog(value=True) as dialog, ui.card().classes("w-full max-w-3xl gap-2"):
            number = f"{len(entries):,} records" if len(entries) > 1 else "1 record"
            ui.label(f"Edit and resubmit {number}").classes("text-lg font-semibold")
            ui.label(
                "Each line sets one field in every record: currency=EUR or items[0].quantity=2. "
                "Without any, the records are sent as they are. "
                "A record that would be quarantined again is not sent."
            ).classes("text-sm opacity-70")
            self._text = ui.textarea("Fields to set, PATH=VALUE").classes("w-full")
            self._text.props("outlined autogrow input-class=font-mono spellcheck=false")
            self._results = ui.column().classes("w-full gap-1")
            with ui.row().classes("w-full justify-end"):
                ui.button("Close", on_click=dialog.close).props("flat no-caps")
                self._check = ui.button("Check", on_click=lambda: self._go(dry_run=True))
                self._check.props("outline no-caps")
                self._send = ui.button("Resubmit", on_click=lambda: self._go(dry_run=False))
                self._send.props("unelevated no-caps")
        dialog.on("hide", lambda: self._close(dialog))

    async def _close(self, dialog: ui.dialog) -> None:
        dialog.delete()
        if self._is_sent:
            await ui.context.client.sub_pages_router.refresh()

    async def _go(self, *, dry_run: bool) -> None:
        feed = self._viewer.feed
        if not dry_run and not feed.is_local:
            question = f"This sends {len(self._entries):,} records to stack {feed.name} on AWS."
            if not await components.is_confirmed(question, "Resubmit them"):
                return
        self._results.clear()
        with background.disabled(self._check, self._send), self._results:
            found = await background.run(lambda note: self._resubmit(note, dry_run=dry_run))
            if found is not None:
                self._is_sent |= not dry_run
                _draw_results(found, "would be resubmitted" if dry_run else "resubmitted")

    def _resubmit(self, note: Progress, *, dry_run: bool) -> list[Resubmission]:
        lines = [line.strip() for line in (self._text.value or "").splitlines()]
        settings = [parse_patch(line) for line in lines if line]
        deployment = self._viewer.feed.deployment
        found = []
        for one in resubmit(deployment, self._entries, settings=settings, dry_run=dry_run):
            found.append(one)
            if dry_run:
                # What is being sent is not stopped in the middle.
                note("records checked", len(found))
        if not found:
            raise InputError("there are no records to resubmit")
        return found


def _draw_results(found: Sequence[Resubmission], done: str) -> None:
    sent = sum(one.sent for one in found)
    failed = len(found) - sent
    ui.label(f"{sent:,} {done}" + (f", {failed:,} not" if failed else "") + ".").classes("font-medium")
    with ui.column().classes("w-full gap-0 max-h-64 overflow-auto flex-nowrap"):
        # What was not sent needs attention.
        for one in sorted(found, key=lambda one: one.sent)[:_MOST_SHOWN]:
            if one.sent:
                ui.label(f"{one.event_id} as order {one.order_id}").classes("text-sm break-all opacity-80")
            else:
                ui.label(f"{one.event_id}: {one.problem}").classes(
                    "text-sm break-all text-red-600 dark:text-red-400"
                )
    if len(found) > _MOST_SHOWN:
        ui.label(f"The first {_MOST_SHOWN} are shown.").classes("text-sm opacity-70")
    for hint in sorted({one.hint for one in found if one.hint}):
        ui.label(hint).classes("text-sm opacity-70 break-words")
