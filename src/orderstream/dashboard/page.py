"""One open page: its header, its navigation, its error banner, and the page that its address names."""

from __future__ import annotations

from urllib.parse import unquote

from fastapi import Request
from nicegui import Client, ui
from nicegui.sub_pages_router import SubPagesRouter

from orderstream.dashboard import links, tables
from orderstream.dashboard.live_page import LivePage
from orderstream.dashboard.order_page import draw_order
from orderstream.dashboard.orders_page import draw_orders
from orderstream.dashboard.quarantine_page import draw_quarantine
from orderstream.dashboard.record_page import draw_record
from orderstream.dashboard.send_page import SendPage
from orderstream.dashboard.status_feed import StatusFeed
from orderstream.dashboard.tiles import HeaderState, Tone, header_of, tiles_of
from orderstream.dashboard.time_format import TimeFormat, utc
from orderstream.dashboard.totals_page import draw_totals
from orderstream.dashboard.viewer import Viewer
from orderstream.dashboard.waiting_page import draw_waiting

# Frequent enough that every open page shows new figures soon after they were read.
_SECONDS_BETWEEN_DRAWINGS = 1.0
_TABS = {
    "Live": links.LIVE,
    "Orders": links.orders(),
    "Waiting": links.waiting(),
    "Totals": links.totals(),
    "Quarantine": links.quarantine(),
    "Send": links.send(),
}
_MODES = {
    None: ("brightness_auto", "as the system"),
    False: ("light_mode", "light"),
    True: ("dark_mode", "dark"),
}
_COLOURS: dict[Tone, str] = {"": "positive", "warn": "orange-9", "bad": "negative"}
_CSS = """
body { font-variant-numeric: tabular-nums }
.body--dark { color-scheme: dark }
.nicegui-content { padding: 0; gap: 0 }
.tab { padding: 8px 12px; border-bottom: 2px solid transparent; text-decoration: none; color: inherit }
.tab.is-open { border-color: var(--q-primary); font-weight: 500 }
"""


class DashboardPage:
    """A page of the stack that `feed` reads, served under `prefix`."""

    def __init__(self, feed: StatusFeed, prefix: str) -> None:
        self._feed = feed
        self._viewer = Viewer(feed, TimeFormat(), prefix)

    async def draw(self, client: Client, request: Request) -> None:
        """Draw the page that the request's address names."""
        ui.colors(primary="#1f7fb5", negative="#c4462d", positive="#0b8a6c")
        ui.add_css(_CSS + tables.CSS)
        self._draw_head()
        banner = ui.row().classes("w-full bg-negative text-white px-4 py-2 gap-x-3 gap-y-0 items-baseline")
        with banner:
            self._problem = ui.label().classes("font-medium break-words min-w-0")
            self._hint = ui.label().classes("opacity-90 break-words min-w-0")
        banner.set_visibility(False)
        self._banner = banner
        with ui.row().classes("w-full px-2 gap-0 border-b border-gray-500/30").props("role=navigation"):
            self._tabs = {
                path: ui.link(name, path).classes("tab", remove="nicegui-link")
                for name, path in _TABS.items()
            }
        content = ui.element("main").classes("w-full max-w-screen-2xl mx-auto p-2 sm:p-4")
        router = client.sub_pages_router
        # As the browser has it: an order's id may contain a slash, which is encoded there.
        raw = request.scope["raw_path"].decode("latin-1").removeprefix(self._viewer.prefix)
        router.current_path = (raw or "/") + (f"?{request.url.query}" if request.url.query else "")
        router.on_path_changed(self._mark_tab)
        self._mark_tab(router.current_path)
        try:
            await client.connected()
            zone = await ui.run_javascript("Intl.DateTimeFormat().resolvedOptions().timeZone", timeout=5)
        except TimeoutError:
            zone = None
        if client.is_deleted:
            # It was loaded again, or closed.
            return
        self._viewer.clock = TimeFormat(zone)
        with content:
            self._add_pages(router)
        self._drawn = (-1, False)
        ui.timer(_SECONDS_BETWEEN_DRAWINGS, self._refresh)
        # Polling costs money on AWS, so a hidden page does not poll.
        ui.on("hidden", lambda event: setattr(self._viewer, "hidden", bool(event.args)))
        ui.run_javascript("document.onvisibilitychange = () => emitEvent('hidden', document.hidden)")

    def _add_pages(self, router: SubPagesRouter) -> None:
        viewer = self._viewer

        def live(range: str = "") -> None:
            # What no other page answers ends here.
            path = router.current_path.partition("?")[0]
            if path.strip("/"):
                ui.label(f"There is no page {unquote(path)}.")
            else:
                LivePage(viewer, range)

        async def orders(
            customer: str = "",
            status: str = "",
            least: str = "",
            most: str = "",
            since: str = "",
            until: str = "",
            before: str = "",
        ) -> None:
            asked = {"customer": customer, "status": status, "least": least, "most": most}
            await draw_orders(viewer, asked | {"since": since, "until": until}, before)

        async def order(order_id: str) -> None:
            await draw_order(viewer, unquote(order_id))

        async def waiting() -> None:
            await draw_waiting(viewer)

        async def totals() -> None:
            await draw_totals(viewer)

        async def quarantine(
            reason: str = "", customer: str = "", span: str = "", resubmitted: str = ""
        ) -> None:
            asked = {"reason": reason, "customer": customer, "span": span, "resubmitted": resubmitted}
            await draw_quarantine(viewer, asked)

        async def quarantined(event_id: str) -> None:
            await draw_record(viewer, unquote(event_id))

        def send() -> None:
            SendPage(viewer)

        ui.sub_pages(
            {
                "/": live,
                "/orders": orders,
                "/orders/{order_id}": order,
                "/waiting": waiting,
                "/totals": totals,
                "/quarantine": quarantine,
                "/quarantine/{event_id}": quarantined,
                "/send": send,
            }
        ).classes("w-full")

    def _mark_tab(self, path: str) -> None:
        # Only the live page can be paused.
        self._viewer.paused = False
        begin = "/" + path.lstrip("/").partition("?")[0].partition("/")[0]
        for target, link in self._tabs.items():
            link.classes(**{"add" if target == begin else "remove": "is-open"})
            link.props(f"aria-current={'page' if target == begin else 'false'}")

    async def _refresh(self) -> None:
        feed, paused = self._feed, self._viewer.paused
        if self._viewer.hidden:
            return
        if not paused:
            await feed.refresh()
        if self._drawn == (feed.looks, paused):
            return
        self._drawn = feed.looks, paused
        self._banner.set_visibility(feed.problem is not None)
        if feed.problem is not None:
            self._problem.set_text(feed.problem.message)
            self._hint.set_text(feed.problem.hint)
        self._show_state(paused)

    def _show_state(self, paused: bool) -> None:
        feed = self._feed
        if feed.seen is not None:
            status = feed.seen.status
            self._looked_at.set_text(self._viewer.clock.text(status.at))
            self._looked_at.props(f'title="{utc(status.at)}"')
        if paused:
            self._say("paused", "grey-7")
        elif feed.problem is not None:
            self._say("cannot read", "grey-7")
        elif feed.seen is not None:
            state: HeaderState = header_of(feed.seen.status, tiles_of(feed.seen.status))
            self._say(state.text, _COLOURS[state.tone])

    def _say(self, text: str, colour: str) -> None:
        self._state.set_text(text)
        self._state.props(f"color={colour}")

    def _draw_head(self) -> None:
        with ui.row().classes("w-full items-center gap-x-3 gap-y-1 px-4 py-2"):
            ui.label("Orderstream").classes("text-lg font-semibold")
            feed = self._feed
            where = "local cloud" if feed.is_local else f"AWS {feed.cloud.cloudformation.meta.region_name}"
            ui.label(f"{feed.name} · {where}").classes("opacity-70")
            self._state = ui.badge("reading …").props("color=grey-7").classes("px-2 py-1 text-sm")
            ui.space()
            self._looked_at = ui.label().classes("opacity-70 text-sm cursor-default")
            mode = ui.dark_mode(None)
            button = ui.button(icon=_MODES[None][0]).props('flat round dense aria-label="light or dark"')
            with button:
                tip = ui.tooltip(_MODES[None][1])

            def turn() -> None:
                values = [*_MODES]
                mode.value = values[(values.index(mode.value) + 1) % len(values)]
                icon, name = _MODES[mode.value]
                button.props(f"icon={icon}")
                tip.set_text(name)

            button.on_click(turn)
