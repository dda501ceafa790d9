"""What tests of the dashboard do: send orders, and find them in its pages."""

from __future__ import annotations

import uuid

from playwright.sync_api import Locator, Page

from orderstream.client import OrderProducer
from orderstream.local.cloud import LocalCloud
from orderstream.storage.orders import get_order
from tests.integration.conftest import awaited
from tests.integration.local_orders import put, quarantined


def new_id() -> str:
    return f"page-{uuid.uuid4().hex}"


def send(local: LocalCloud, **fields: object) -> str:
    """An order, sent and stored; its id."""
    order = {"order_id": new_id(), "customer_id": "12345", "amount": "19.90"} | fields
    with OrderProducer(local.deployment.stream, local.cloud.kinesis_no_retry) as producer:
        producer.send(order)
    stored(local, str(order["order_id"]))
    return str(order["order_id"])


def stored(local: LocalCloud, order_id: str) -> dict[str, object]:
    key = {"OrderID": {"S": order_id}}
    awaited(lambda: local.cloud.dynamodb.get_item(TableName=local.deployment.table, Key=key).get("Item"))
    return get_order(local.deployment, order_id)


def send_bad(local: LocalCloud, data: bytes) -> str:
    """A record that ends in quarantine; its event id."""
    event = put(local, data)
    awaited(lambda: event in quarantined(local))
    return event


def tab(page: Page, name: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()


def find_order(page: Page, order_id: str) -> None:
    """Open the page of an order by its id."""
    tab(page, "Orders")
    page.get_by_label("Order id").fill(order_id)
    page.get_by_role("button", name="Search", exact=True).click()


def in_quarantine(page: Page, text: str) -> Locator:
    """The row of the newest record with this text, looked for until it is there."""
    tab(page, "Quarantine")
    row = page.get_by_role("row").filter(has_text=text).first
    for _ in range(20):
        if row.count():
            break
        page.get_by_role("button", name="Refresh").click()
        page.wait_for_timeout(500)
    return row
