"""The dashboard's orders in a browser: listed, filtered, exported, and each at an address of its own."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Page, expect

from orderstream.local.cloud import LocalCloud
from tests.integration.dashboard.pages import find_order, new_id, send, send_bad, tab

pytestmark = pytest.mark.system


def test_the_root_and_the_path_without_a_slash_lead_to_the_dashboard(url: str) -> None:
    root = url.removesuffix("/live")
    for address in (root, f"{root}/", url):
        assert "Quarantine" in httpx.get(address, follow_redirects=True).text
    assert httpx.get(root).headers["location"] == "/live/"


def test_back_forward_and_reload_work_on_every_page(page: Page, url: str, local: LocalCloud) -> None:
    # With what an address would take for its own.
    order_id = f"{new_id()}/a?b#c;d%2F e"
    event = send_bad(local, b'{"customer_id": "12345", "amount": -7}')
    send(local, order_id=order_id)
    content = page.get_by_role("main")
    order, record = f"/orders/{quote(order_id, safe='')}", f"/quarantine/{quote(event, safe='')}"
    shown = {
        "/": "Latest orders",
        "/orders": "Looked back to",
        order: f"Order {order_id}",
        "/quarantine": "not_positive",
        record: "The order, as it will be sent",
        "/send": "What is sent",
    }
    tab(page, "Orders")
    page.get_by_role("link", name=order_id).click()
    expect(content.get_by_text("Item in the table")).to_be_visible()
    tab(page, "Quarantine")
    page.locator(f"a[href='/live{record}']").click()
    expect(content.get_by_label(shown[record])).to_be_visible()
    tab(page, "Send")
    for step in ("back", "forward"):
        visited = list(shown) if step == "forward" else list(shown)[::-1]
        for number, path in enumerate(visited):
            if number and step == "back":
                page.go_back()
            elif number:
                page.go_forward()
            expect(page).to_have_url(url + path)
            expect(content.get_by_text(shown[path]).first).to_be_visible()
    for path, text in shown.items():
        page.goto(url + path)
        expect(content.get_by_text(text).first).to_be_visible()
        page.reload()
        expect(page).to_have_url(url + path)
        expect(content.get_by_text(text).first).to_be_visible()
    page.goto(f"{url}/no-such-page")
    expect(page.get_by_text("There is no page /no-such-page.")).to_be_visible()


def test_the_latest_orders_are_listed_before_anybody_searches_and_the_page_says_how_far_back_it_looked(
    page: Page, local: LocalCloud
) -> None:
    order_id = send(local)
    tab(page, "Orders")
    expect(page.get_by_role("row").filter(has_text=order_id)).to_contain_text("Stored")
    expect(
        page.get_by_text(re.compile(r"\d+ orders?\. Looked back to .* in \d+ objects? of"))
    ).to_be_visible()


def test_an_order_opens_with_its_item_and_bytes_and_its_story_only_when_it_is_asked_for(
    page: Page, url: str, local: LocalCloud
) -> None:
    find_order(page, "nobody-knows-it")
    expect(page.get_by_text("There is no order with this id in the table.")).to_be_visible()
    page.get_by_role("button", name="Search the last day").click()
    expect(page.get_by_text("nothing is known of order nobody-knows-it")).to_be_visible()
    order_id = send(local, note="as it was sent")
    find_order(page, order_id)
    expect(page).to_have_url(f"{url}/orders/{order_id}")
    expect(page.get_by_text('"as it was sent"')).to_be_visible()
    expect(page.get_by_text('"OrderAmount"')).to_be_visible()
    # Nothing of the archive was searched for this.
    expect(page.get_by_text("archived", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Search the day of its arrival").click()
    for step in ("arrived", "archived", "delivered", "stored"):
        expect(page.get_by_role("main").get_by_text(step, exact=True).last).to_be_visible()


def test_a_page_that_is_left_while_it_searches_leaves_nothing_behind(page: Page, local: LocalCloud) -> None:
    find_order(page, send(local))
    page.get_by_role("button", name="Search all time").click()
    tab(page, "Orders")
    page.get_by_role("button", name="Export CSV").click()
    tab(page, "Send")
    page.get_by_role("button", name="Send", exact=True).click()
    tab(page, "Orders")
    # Whoever started the dashboard looks for tracebacks and warnings in its log.
    expect(page.get_by_text("Looked back to")).to_be_visible()


def test_filters_are_in_the_address_and_a_customer_leads_to_all_their_orders(
    page: Page, url: str, local: LocalCloud
) -> None:
    customer = new_id()
    small, large = (
        send(local, customer_id=customer, amount="5"),
        send(local, customer_id=customer, amount="50"),
    )
    find_order(page, small)
    page.get_by_role("link", name=customer).click()
    expect(page).to_have_url(f"{url}/orders?customer={customer}")
    expect(page.get_by_text("2 orders of the customer")).to_be_visible()
    page.get_by_label("Amount from").fill("10")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page).to_have_url(f"{url}/orders?customer={customer}&least=10")
    expect(page.get_by_role("link", name=large)).to_be_visible()
    expect(page.get_by_role("link", name=small)).to_be_hidden()
    page.reload()
    expect(page.get_by_label("Amount from")).to_have_value("10")
    expect(page.get_by_role("link", name=large)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("link", name=small)).to_be_visible()
    page.get_by_label("From (").fill("2999-01-01T00:00")
    page.get_by_label("From (").press("Enter")
    # Midnight in Auckland, in summer.
    expect(page).to_have_url(re.compile("since=2998-12-31T11%3A00%3A00"))
    expect(page.get_by_text("0 orders")).to_be_visible()
    expect(page.get_by_label("From (")).to_have_value("2999-01-01T00:00")
    page.goto(f"{url}/orders?least=many")
    expect(page.get_by_text("the amount 'many' must be a number")).to_be_visible()


def test_records_that_are_no_stored_orders_have_their_status_and_lead_to_quarantine(
    page: Page, url: str, local: LocalCloud
) -> None:
    customer = new_id()
    event = send_bad(local, f'{{"customer_id": "{customer}", "amount": -7}}'.encode())
    page.goto(f"{url}/orders?customer={customer}&status=quarantined")
    row = page.get_by_role("row").filter(has_text=customer)
    expect(row).to_contain_text("-7.00")
    expect(row).to_contain_text("Quarantined")
    row.get_by_role("link", name="(invalid)").click()
    expect(page).to_have_url(f"{url}/quarantine/{quote(event, safe='')}")
    expect(page.get_by_text("not_positive")).to_be_visible()


def test_pages_go_back_to_the_oldest_order_and_to_the_newest_again(
    page: Page, url: str, local: LocalCloud
) -> None:
    customer = new_id()
    sent = {send(local, customer_id=customer) for _ in range(1)}
    for _ in range(50):
        sent.add(send_fast(local, customer))
    last = send(local, customer_id=customer)
    page.goto(f"{url}/orders?customer={customer}")
    expect(page.get_by_role("link", name=last)).to_be_visible()
    expect(page.get_by_role("link", name="page-")).to_have_count(100)
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_text("2 orders of the customer")).to_be_visible()
    page.get_by_role("link", name="Newest").click()
    expect(page.get_by_role("link", name=last)).to_be_visible()


def send_fast(local: LocalCloud, customer: str) -> str:
    """An order that nobody waits for; its id."""
    order_id = new_id()
    document = f'{{"order_id": "{order_id}", "customer_id": "{customer}", "amount": 1}}'
    local.cloud.kinesis.put_record(StreamName="OrderStream", PartitionKey=customer, Data=document.encode())
    return order_id


def test_what_is_filtered_is_exported_as_csv_that_no_spreadsheet_runs(
    page: Page, url: str, local: LocalCloud, tmp_path: Path
) -> None:
    customer = f"=HYPERLINK({new_id()})"
    orders = {send(local, customer_id=customer) for _ in range(2)}
    send(local)
    page.goto(f"{url}/orders?customer={quote(customer)}")
    with page.expect_download() as saving:
        page.get_by_role("button", name="Export CSV").click()
    saving.value.save_as(tmp_path / "orders.csv")
    assert saving.value.suggested_filename == "orders.csv"
    with (tmp_path / "orders.csv").open(newline="") as text:
        rows = [*csv.DictReader(text)]
    assert {row["order"] for row in rows} == orders
    assert {row["customer"] for row in rows} == {f"'{customer}"}
    assert {row["amount"] for row in rows} == {"19.9"}
