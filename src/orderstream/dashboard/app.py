"""The dashboard page: its header, its tabs, and its error banner."""

from __future__ import annotations

import secrets

from fastapi import FastAPI, Request
from nicegui import Client, ui
from starlette.responses import PlainTextResponse, Response

from orderstream.aws.clients import AwsClients
from orderstream.dashboard.overview_tab import OverviewTab
from orderstream.dashboard.quarantine_tab import QuarantineTab
from orderstream.dashboard.search_tab import SearchTab
from orderstream.dashboard.send_tab import SendTab
from orderstream.dashboard.status_feed import StatusFeed
from orderstream.dashboard.time_format import TimeFormat, utc
from orderstream.monitoring.health import Status

# Frequent enough that every open page shows new figures soon after they were read.
SECONDS_BETWEEN_DRAWINGS = 1.0
_MODES = {
    None: ("brightness_auto", "as the system"),
    False: ("light_mode", "light"),
    True: ("dark_mode", "dark"),
}
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" '
    'fill="#2f9bd6"/><path d="M6 11h13l-4-4m4 4-4 4M26 21H13l4-4m-4 4 4 4" fill="none" stroke="#fff" '
    'stroke-width="2.5"/></svg>'
)


def add_page(app: FastAPI, cloud: AwsClients, stack: str, path: str = "/") -> str:
    """Serve the page for the stack called `stack` under `path`; return the path to open.

    The stack is first looked up when the page is open. On AWS the page requires a token, which is part of
    that path: other users of this machine can reach the port, and the page acts with the user's credentials.
    Call once per process, as NiceGUI requires.
    """
    source = StatusFeed(cloud, stack)
    token = "" if source.is_local else secrets.token_urlsafe(16)

    @ui.page("/", title=f"{stack} · Orderstream", favicon=_ICON, dark=None)
    async def page(client: Client, request: Request) -> Response | None:
        if token and not _is_with_token(request, token):
            return PlainTextResponse(
                "open the address that orders stack dashboard printed, with its token\n", 403
            )
        await _draw(source, client)
        return None

    ui.run_with(app, show_welcome_message=False, mount_path=path)
    return f"{path}?token={token}" if token else path


def _is_with_token(request: Request, token: str) -> bool:
    """Whether the request has the token. The page's other requests carry an id that only it knows."""
    return secrets.compare_digest(request.query_params.get("token", "").encode(), token.encode())


async def _draw(source: StatusFeed, client: Client) -> None:
    ui.colors(primary="#1f7fb5", negative="#c4462d", positive="#0b8a6c")
    ui.add_css("body { font-variant-numeric: tabular-nums } .nicegui-content { padding: 0 }")
    health, looked_at = _head(source)
    banner = ui.row().classes("w-full bg-negative text-white px-4 py-2 gap-x-3 gap-y-0 items-baseline")
    with banner:
        problem = ui.label().classes("font-medium break-words min-w-0")
        hint = ui.label().classes("opacity-90 break-words min-w-0")
    banner.set_visibility(False)
    with ui.tabs().classes("w-full px-2").props("align=left dense no-caps") as tabs:
        for name in ("Live", "Orders", "Quarantine", "Send"):
            ui.tab(name)
    clock = TimeFormat()
    with (
        ui.tab_panels(tabs, value="Live")
        .classes("w-full max-w-screen-2xl mx-auto bg-transparent")
        .props("keep-alive")
    ):
        with ui.tab_panel("Live").classes("p-2 sm:p-4"):
            live = OverviewTab(on_order=lambda order_id: open_order(order_id))
        with ui.tab_panel("Orders").classes("p-2 sm:p-4"):
            find = SearchTab(source, lambda: clock)
        with ui.tab_panel("Quarantine").classes("p-2 sm:p-4"):
            quarantine = QuarantineTab(source, lambda: clock)
        with ui.tab_panel("Send").classes("p-2 sm:p-4"):
            SendTab(source, on_order=lambda order_id: open_order(order_id))

    async def open_order(order_id: str) -> None:
        tabs.set_value("Orders")
        await find.open(order_id)

    async def entered() -> None:
        if tabs.value == "Quarantine":
            await quarantine.load()

    tabs.on_value_change(entered)
    await client.connected()
    clock = TimeFormat(await ui.run_javascript("Intl.DateTimeFormat().resolvedOptions().timeZone", timeout=5))
    drawn = -1

    async def draw() -> None:
        nonlocal drawn
        await source.refresh()
        if drawn == source.looks:
            return
        drawn = source.looks
        banner.set_visibility(source.problem is not None)
        if source.problem is not None:
            problem.set_text(source.problem.message)
            hint.set_text(source.problem.hint)
        if source.seen is not None:
            status = source.seen.status
            _say_health(health, status, can_look=source.problem is None)
            looked_at.set_text(clock.text(status.at))
            looked_at.props(f'title="{utc(status.at)}"')
            live.show(source.seen, clock)

    timer = ui.timer(SECONDS_BETWEEN_DRAWINGS, draw)
    # Polling costs money on AWS, so a hidden page does not poll.
    ui.on("seen", lambda event: timer.activate() if event.args else timer.deactivate())
    ui.run_javascript("document.onvisibilitychange = () => emitEvent('seen', !document.hidden)")


def _head(source: StatusFeed) -> tuple[ui.badge, ui.label]:
    with ui.row().classes("w-full items-center gap-x-3 gap-y-1 px-4 py-2 border-b border-gray-500/30"):
        ui.label("Orderstream").classes("text-lg font-semibold")
        where = "local cloud" if source.is_local else f"AWS {source.cloud.cloudformation.meta.region_name}"
        ui.label(f"{source.name} · {where}").classes("opacity-70")
        health = ui.badge("looking …").props("color=grey-7").classes("px-2 py-1 text-sm")
        ui.space()
        looked_at = ui.label().classes("opacity-70 text-sm cursor-default")
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
    return health, looked_at


def _say_health(health: ui.badge, status: Status, *, can_look: bool) -> None:
    on = [alarm.name for alarm in status.alarms if alarm.state == "alarm"]
    if not can_look:
        text, colour = "cannot look", "grey-7"
    elif on:
        text, colour = f"{len(on)} alarm{'s' * (len(on) > 1)}", "negative"
    elif not status.consumer.is_read:
        text, colour = "nothing reads the stream", "orange-9"
    else:
        text, colour = "all well", "positive"
    health.set_text(text)
    health.props(f"color={colour}")
