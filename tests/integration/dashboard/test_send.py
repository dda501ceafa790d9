"""The dashboard's form in a browser: it follows the order model in use, with its nested models and lists."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from reference import PROJECT

from orderstream.local.cloud import LocalCloud
from orderstream.storage.orders import raw_order
from tests.integration.dashboard import browser as browsers
from tests.integration.dashboard.pages import new_id, stored, tab

pytestmark = pytest.mark.system


def test_line_items_are_added_and_removed_and_the_amount_follows_them(page: Page, local: LocalCloud) -> None:
    order_id = new_id()
    tab(page, "Send")
    page.get_by_label("Order id").fill(order_id)
    amount = page.get_by_label("Amount")
    for _ in range(3):
        page.get_by_role("button", name="Add item").click()
    page.get_by_label("Sku").nth(1).fill("coffee")
    page.get_by_label("Quantity").nth(1).fill("3")
    page.get_by_label("Unit price").nth(1).fill("0.1")
    page.get_by_role("button", name="Remove item").nth(2).click()
    # 2 × 9.95 and 3 × 0.1.
    expect(amount).to_have_value("20.2")
    expect(amount).to_have_attribute("readonly", "")
    page.get_by_label("Unit price").nth(1).fill("a lot")
    expect(page.get_by_text("$.items[1].unit_price must be a number")).to_be_visible()
    page.get_by_label("Unit price").nth(1).fill("0.20")
    expect(amount).to_have_value("20.5")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text(f"Order {order_id} is stored.")).to_be_visible()
    sent = json.loads(raw_order(local.deployment, order_id))
    assert sent["amount"] == "20.5"
    assert sent["items"] == [
        {"sku": "tea", "quantity": 2, "unit_price": "9.95"},
        {"sku": "coffee", "quantity": 3, "unit_price": "0.20"},
    ]
    for _ in range(2):
        page.get_by_role("button", name="Remove item").first.click()
    expect(amount).not_to_have_attribute("readonly", "")
    assert "items" not in json.loads(page.get_by_label("What is sent").input_value())


def test_the_form_follows_the_model_of_a_project_with_its_nested_models(
    browser: Browser, local: LocalCloud, tmp_path: Path
) -> None:
    shop = shutil.copytree(PROJECT / "examples" / "shop", tmp_path / "shop")
    (shop / "orderstream.toml").write_text('model = "order:Order"\n')
    order_id = new_id()
    with (
        browsers.dashboard(local.environment | {"ORDERS_PROJECT": str(shop)}, tmp_path) as url,
        browsers.opened(browser, f"{url}/send") as (page, _),
    ):
        page.get_by_label("Order id").fill(order_id)
        page.get_by_label("Country").fill("Germany")
        expect(page.get_by_text("$.ship_to.country")).to_be_visible()
        page.get_by_label("Country").fill("DE")
        page.get_by_label("Street").fill("Hauptstraße 1")
        page.get_by_label("Postal code").fill("10115")
        page.get_by_label("City").fill("Berlin")
        expect(page.get_by_label("Channel")).to_have_value("web")
        # Its own rule: items less discount.
        page.get_by_label("Amount").fill("18.90")
        page.get_by_role("button", name="Add item").click()
        expect(page.get_by_text("$.amount must be 19.90, the items less the discount")).to_be_visible()
        page.get_by_label("Amount").fill("19.90")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_text(f"Order {order_id} is stored.")).to_be_visible()
    assert stored(local, order_id)
    sent = json.loads(raw_order(local.deployment, order_id))
    assert sent["ship_to"] == {
        "street": "Hauptstraße 1",
        "postal_code": "10115",
        "city": "Berlin",
        "country": "DE",
    }
    assert sent["amount"] == "19.90" and len(sent["items"]) == 1
