"""The table of orders: each leads to its own page and to its customer's orders."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from nicegui import ui

from orderstream.dashboard import links
from orderstream.dashboard.tables import Column, stacked_table
from orderstream.dashboard.time_format import utc
from orderstream.dashboard.viewer import Viewer
from orderstream.domain.currencies import money
from orderstream.lookup.order_search import FoundOrder, OrderStatus, indexed_attributes
from orderstream.storage.orders import Item

STATUSES: dict[OrderStatus, str] = {
    "stored": "Stored",
    "waiting": "Not stored yet",
    "duplicate": "Duplicate",
    "quarantined": "Quarantined",
}
_ARRIVED = Column("time", "Arrived")
_STATUS = Column("status", "Status")
_COLUMNS = (
    Column("order", "Order", link="order_href"),
    Column("customer", "Customer", link="customer_href"),
    Column("amount", "Amount", align="right"),
)


def latest_table() -> ui.table:
    """An empty table of stored orders, for `latest_rows`."""
    return stacked_table((_ARRIVED, *_COLUMNS, _STATUS), row_key="order")


def found_table(time_label: str) -> ui.table:
    """An empty table of orders of any status, for `found_rows`; with the model's own indexed fields."""
    own = [Column(f"own_{name}", in_words(name)) for name in indexed_attributes()]
    columns = (Column("time", time_label), *_COLUMNS, *own, _STATUS)
    return stacked_table(columns, row_key="event_id")


def latest_rows(viewer: Viewer, items: Iterable[Item]) -> list[dict[str, Any]]:
    """Rows of stored orders, by arrival."""
    return [
        _row(viewer, item["ReceivedAt"], item["OrderID"], item["CustomerID"])
        | {"amount": f"{in_groups(item['OrderAmount'], item['Currency'])} {item['Currency']}"}
        | {"status": item["Status"]}
        for item in items
    ]


def found_rows(viewer: Viewer, orders: Iterable[FoundOrder]) -> list[dict[str, Any]]:
    """Rows of orders as a search found them."""
    rows = []
    for one in orders:
        said = one.summary
        row = _row(viewer, one.at, one.order_id, said.customer)
        if not one.order_id or one.status == "quarantined":
            row |= {"order": one.order_id or "(invalid)"}
            row |= {"order_href": viewer.href(links.quarantined(one.event_id))}
        amount = in_groups(said.number, said.currency) if said.number is not None else said.amount
        row |= {"amount": f"{amount} {said.currency}".strip(), "status": status_text(one)}
        row |= {f"own_{name}": value for name, value in one.indexed.items()}
        rows.append(row | {"event_id": one.event_id})
    return rows


def status_text(one: FoundOrder) -> str:
    """`Stored, paid`: what became of the record, and of one that is stored the status of its order."""
    is_order = one.status == "stored" and one.order_status
    return f"{STATUSES[one.status]}, {one.order_status}" if is_order else STATUSES[one.status]


def in_words(attribute: str) -> str:
    """An attribute as a heading: "Merchant ID" for MerchantID."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", attribute)


def in_groups(amount: Decimal, currency: str) -> str:
    """An amount, formatted by `money`, in groups of three digits."""
    return f"{Decimal(money(amount, currency)):,f}"


def _row(viewer: Viewer, at: str, order_id: str, customer: str) -> dict[str, Any]:
    return {
        "time": viewer.clock.text(at),
        "utc": utc(at),
        "order": order_id,
        "order_href": viewer.href(links.order(order_id)) if order_id else "",
        "customer": customer,
        "customer_href": viewer.href(links.orders(customer=customer)) if customer else "",
    }
