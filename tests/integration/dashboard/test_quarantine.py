"""The dashboard's quarantine in a browser: grouped by reason, edited and resubmitted together."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from orderstream.local.cloud import LocalCloud
from tests.integration.dashboard.pages import new_id, send_bad, stored, tab

pytestmark = pytest.mark.system


def test_records_show_customer_amount_and_reason_and_are_grouped_by_reason(
    page: Page, url: str, local: LocalCloud
) -> None:
    customer = new_id()
    for amount, currency in ((-7, "EUR"), (8, "ABC"), (9, "ABD")):
        send_bad(local, json.dumps(order(customer, amount=amount, currency=currency)).encode())
    page.goto(f"{url}/quarantine?customer={customer}")
    row = page.get_by_role("row").filter(has_text="-7.00 EUR")
    expect(row).to_contain_text(customer)
    expect(row).to_contain_text("$.amount must be greater than zero")
    reasons = page.get_by_role("list", name="Reasons")
    expect(reasons.get_by_role("link")).to_have_count(2)
    reasons.get_by_role("link", name="unknown_currency 2").click()
    expect(page).to_have_url(f"{url}/quarantine?reason=unknown_currency&customer={customer}")
    expect(row).to_be_hidden()
    expect(page.get_by_text("2 records")).to_be_visible()
    page.reload()
    expect(page.get_by_text("2 records")).to_be_visible()
    page.get_by_role("link", name="All reasons").click()
    expect(row).to_be_visible()
    page.get_by_label("Customer").fill("nobody")
    page.get_by_label("Customer").press("Enter")
    expect(page.get_by_text("No records here")).to_be_visible()


def test_chosen_records_are_edited_and_resubmitted_together_as_the_command_does(
    page: Page, url: str, local: LocalCloud
) -> None:
    customer = new_id()
    mended = [order(customer, amount=number, currency="ABC") for number in (1, 2)]
    hopeless = order(customer, amount=-3, currency="ABC")
    for one in (*mended, hopeless):
        send_bad(local, json.dumps(one).encode())
    page.goto(f"{url}/quarantine?customer={customer}")
    edit = page.get_by_role("button", name="Edit and resubmit")
    expect(page.get_by_text("3 records")).to_be_visible()
    expect(edit).to_be_disabled()
    page.get_by_role("columnheader").get_by_role("checkbox").click()
    edit.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Edit and resubmit 3 records")).to_be_visible()
    fields = dialog.get_by_label("Fields to set, PATH=VALUE")
    fields.fill("currency")
    dialog.get_by_role("button", name="Check").click()
    expect(dialog.get_by_text("'currency' does not say what to set")).to_be_visible()
    fields.fill("currency=EUR\nnote=mended")
    dialog.get_by_role("button", name="Check").click()
    expect(dialog.get_by_text("2 would be resubmitted, 1 not.")).to_be_visible()
    expect(dialog.get_by_text("$.amount must be greater than zero")).to_be_visible()
    dialog.get_by_role("button", name="Resubmit").click()
    expect(dialog.get_by_text("2 resubmitted, 1 not.")).to_be_visible()
    for one in mended:
        assert stored(local, str(one["order_id"]))["Currency"] == "EUR"
    dialog.get_by_role("button", name="Close").click()
    expect(page.get_by_text("1 record", exact=True)).to_be_visible()
    tab(page, "Quarantine")
    page.get_by_text("Show resubmitted").click()
    expect(page.get_by_role("row").filter(has_text=str(mended[0]["order_id"]))).to_be_visible()


def order(customer: str, **fields: object) -> dict[str, object]:
    return {"order_id": new_id(), "customer_id": customer} | fields
