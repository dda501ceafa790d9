"""The totals on the dashboard: by status and by customer, and read again while the page is open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port
from tests.integration.conftest import OrdersHere, awaited
from tests.integration.dashboard import browser as browsers
from tests.integration.dashboard.pages import send, tab

pytestmark = pytest.mark.system

HOSTILE = "<img src=x onerror=alert(1)>/&"


@pytest.fixture(scope="module")
def summing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud with the real stack, and totals."""
    problems: list[str] = []
    with LocalCloud(
        port=free_port(),
        parameters={"Totals": "true"},
        progress=lambda step: None,
        problem=problems.append,
    ) as running:
        yield running
        running.check()
    assert problems == []


def test_a_stack_without_totals_says_how_to_have_them(page: Page) -> None:
    tab(page, "Totals")
    expect(page.get_by_text("orders deploy --parameter Totals=true")).to_be_visible()


def test_the_totals_of_the_last_hour_are_shown_and_follow(
    browser: Browser, summing: LocalCloud, tmp_path: Path
) -> None:
    orders = OrdersHere(summing.environment)
    send(summing, customer_id=HOSTILE, amount="1234.50", currency="EUR")
    paid = send(summing, customer_id="c", amount="10", currency="USD")
    awaited(lambda: HOSTILE in orders("totals", "--by", "customer").stdout, 120)
    with (
        browsers.dashboard(summing.environment, tmp_path) as url,
        browsers.opened(browser, url) as (page, _),
    ):
        tab(page, "Totals")
        hostile = page.get_by_role("row").filter(has_text=HOSTILE)
        expect(hostile.get_by_text("1,234.50")).to_be_visible()
        orders("event", paid, "paid", "--amount", "10")
        expect(page.get_by_role("row").filter(has_text="paid").filter(has_text="10.00").first).to_be_visible(
            timeout=30_000
        )
        hostile.get_by_role("link").click()
        expect(page.get_by_label("Customer")).to_have_value(HOSTILE)
