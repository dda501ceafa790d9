"""Whoever has the page open: the stack they look at, their time zone, and where the page is served."""

from __future__ import annotations

from dataclasses import dataclass

from orderstream.dashboard.status_feed import StatusFeed
from orderstream.dashboard.time_format import TimeFormat


@dataclass
class Viewer:
    """One open page. `prefix` is the path under which the dashboard is served.

    While it is `paused` or `hidden`, nothing is polled and the figures stay as they are.
    """

    feed: StatusFeed
    clock: TimeFormat
    prefix: str
    paused: bool = False
    hidden: bool = False

    def href(self, path: str) -> str:
        """The address of a path of `links`, for elements that are not NiceGUI's own links."""
        return self.prefix + path
