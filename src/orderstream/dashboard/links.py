"""The paths of the dashboard's pages, under the path where it is served."""

from __future__ import annotations

from urllib.parse import quote, urlencode

LIVE = "/"


def orders(**filters: str) -> str:
    """The list of orders with these filters; empty ones are left out."""
    return _with_query("/orders", filters)


def order(order_id: str) -> str:
    """The page of one order."""
    return f"/orders/{quote(order_id, safe='')}"


def waiting() -> str:
    """The orders that wait."""
    return "/waiting"


def totals() -> str:
    """The sums over the orders of the last hour."""
    return "/totals"


def quarantine(**filters: str) -> str:
    """The quarantine with these filters; empty ones are left out."""
    return _with_query("/quarantine", filters)


def quarantined(event_id: str) -> str:
    """The page of one record in quarantine."""
    return f"/quarantine/{quote(event_id, safe='')}"


def send() -> str:
    """The form for a new order."""
    return "/send"


def live(**options: str) -> str:
    """Figures, charts and alarms."""
    return _with_query(LIVE, options)


def _with_query(path: str, query: dict[str, str]) -> str:
    said = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(said)}" if said else path
