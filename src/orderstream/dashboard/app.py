"""Serves the dashboard: the path of its pages, the token that AWS requires, and the way there from `/`."""

from __future__ import annotations

import secrets

from fastapi import FastAPI, Request
from nicegui import Client, ui
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from orderstream.aws.clients import AwsClients
from orderstream.dashboard.page import DashboardPage
from orderstream.dashboard.status_feed import StatusFeed

PATH = "/live"
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" '
    'fill="#2f9bd6"/><path d="M6 11h13l-4-4m4 4-4 4M26 21H13l4-4m-4 4 4 4" fill="none" stroke="#fff" '
    'stroke-width="2.5"/></svg>'
)
_REFUSED = "open the address that orders stack dashboard printed, with its token\n"


def add_page(app: FastAPI, cloud: AwsClients, stack: str) -> str:
    """Serve the dashboard of the stack called `stack` under PATH; return the path to open.

    `/` leads there. The stack is first looked up when a page is open. On AWS a token is part of every path:
    other users of this machine can reach the port, and the dashboard acts with the user's credentials. Call
    once per process, as NiceGUI requires.
    """
    feed = StatusFeed(cloud, stack)
    prefix = PATH if feed.is_local else f"{PATH}/{secrets.token_urlsafe(16)}"

    @ui.page("/", title=f"{stack} · Orderstream", favicon=_ICON, dark=None)
    @ui.page("/{path:path}", title=f"{stack} · Orderstream", favicon=_ICON, dark=None)
    async def page(client: Client, request: Request) -> None:
        await DashboardPage(feed, prefix).draw(client, request)

    if feed.is_local:

        @app.get("/", include_in_schema=False)
        def root() -> Response:
            return RedirectResponse(f"{prefix}/")

    ui.run_with(app, show_welcome_message=False, mount_path=prefix)
    if feed.is_local:
        return prefix

    # After the dashboard's own path.
    @app.get("/{path:path}", include_in_schema=False)
    def refused(path: str) -> Response:
        return PlainTextResponse(_REFUSED, 403)

    return f"{prefix}/"
