"""The life of an order on the dashboard: its timeline, its status in lists, and what waits."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from orderstream.client import OrderProducer
from orderstream.local.cloud import LocalCloud
from orderstream.lookup.order_history import order_history
from orderstream.storage.order_events import read_events
from orderstream.storage.orders import get_order
from tests.integration.conftest import awaited
from tests.integration.dashboard.pages import find_order, new_id, send, tab

pytestmark = pytest.mark.system


def send_events(local: LocalCloud, order_id: str, *events: dict[str, Any]) -> None:
    """Events of an order, sent one after the other, and stored."""
    with OrderProducer(local.deployment.stream, local.cloud.kinesis_no_retry) as producer:
        for event in events:
            producer.send({"order_id": order_id} | event)
    awaited(lambda: len(read_events(local.deployment, order_id)) == len(events))


def test_an_order_is_a_timeline_of_its_events_with_their_effects(page: Page, local: LocalCloud) -> None:
    order_id = send(local, currency="EUR", amount="1234.50")
    hostile = "<img src=x onerror=alert(1)>"
    send_events(
        local,
        order_id,
        {"event": "paid", "amount": "1234.50", "event_id": "1", "method": hostile},
        {"event": "delivered", "event_id": "2"},
        {"event": "packed", "event_id": "1"},
        {"event": "paid", "amount": "1234.50", "event_id": "1", "method": hostile},
    )
    awaited(lambda: get_order(local.deployment, order_id)["Version"] == 5)
    find_order(page, order_id)
    main = page.get_by_role("main")
    for text in (
        "Captured 1,234.50 EUR",
        "delivered may not follow paid",
        "has the event_id of another event",
        "was sent before",
    ):
        expect(main.get_by_text(text, exact=True)).to_be_visible()
    for mark in ("forbidden", "conflict", "duplicate"):
        expect(main.get_by_text(mark, exact=True)).to_be_visible()
    # What a producer sent is text.
    expect(main.get_by_text(hostile).first).to_be_visible()


def test_the_status_of_an_order_is_in_lists_and_filters(page: Page, url: str, local: LocalCloud) -> None:
    customer = new_id()
    paid, placed = send(local, customer_id=customer), send(local, customer_id=customer)
    send_events(local, paid, {"event": "paid"})
    awaited(lambda: get_order(local.deployment, paid)["Status"] == "paid")
    page.goto(f"{url}/orders?customer={customer}")
    expect(page.get_by_role("row").filter(has_text=paid)).to_contain_text("Stored, paid")
    expect(page.get_by_role("row").filter(has_text=placed)).to_contain_text("Stored, placed")
    page.get_by_label("Status").click()
    page.get_by_role("option", name="Stored, paid").click()
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page).to_have_url(f"{url}/orders?customer={customer}&status=order.paid")
    expect(page.get_by_role("row").filter(has_text=paid)).to_be_visible()
    expect(page.get_by_role("row").filter(has_text=placed)).to_be_hidden()
    page.goto(f"{url}/orders?status=order.lost")
    expect(page.get_by_text("no order has the status lost")).to_be_visible()


def test_what_waits_is_listed_and_its_order_says_so(page: Page, local: LocalCloud) -> None:
    early, gap = new_id(), send(local)
    send_events(local, early, {"event": "paid", "seq": 1})
    send_events(local, gap, {"event": "paid", "seq": 3})
    awaited(lambda: "MissingSeq" in (order_history(local.deployment, gap).state or {}))
    awaited(lambda: get_order(local.deployment, gap).get("MissingSeq") == 1)
    tab(page, "Waiting")
    expect(page.get_by_role("row").filter(has_text=gap)).to_contain_text("seq 1")
    row = page.get_by_role("row").filter(has_text=early)
    expect(row).to_contain_text("the order")
    row.get_by_role("link").click()
    expect(page.get_by_text("The order has not arrived.")).to_be_visible()
    expect(page.get_by_role("main").get_by_text("waiting", exact=True)).to_be_visible()
    find_order(page, gap)
    expect(page.get_by_text("The event with seq 1 has not arrived")).to_be_visible()
