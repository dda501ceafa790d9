"""The dashboard's figures in a browser: one time axis, a pause, and nothing cut on a narrow screen."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

from orderstream.dashboard import links
from orderstream.local.cloud import LocalCloud
from tests.integration.dashboard import browser as browsers
from tests.integration.dashboard.pages import new_id, send, send_bad, tab

pytestmark = pytest.mark.system

# The options of every chart over time.
_CHARTS = """() => [...document.querySelectorAll('.nicegui-echart')]
  .map(one => getElement(Number(one.id.slice(1))).chart?.getOption())
  .filter(one => one && one.xAxis && one.xAxis[0].type === 'time')"""
_MARKS = f"() => ({_CHARTS})().map(one => one.series[0].markArea.data)"
# What is wider than its box, where that is not the browser's own text field or the trace of a click.
_CUT = """() => [document.documentElement, ...document.body.querySelectorAll('*')]
  .filter(one => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0)
  .filter(one => one === document.documentElement || getComputedStyle(one).overflowX !== 'visible')
  .filter(one => !['INPUT', 'TEXTAREA'].includes(one.tagName) && !one.closest('.q-field__native, .q-ripple'))
  .map(one => `${one.tagName} ${one.className} ${one.scrollWidth} > ${one.clientWidth}: ${one.innerText}`)"""


def cut_in(page: Page) -> list[str]:
    """What is cut on the page when it has been laid out."""
    with suppress(TimeoutError):
        page.wait_for_function(f"() => ({_CUT})().length === 0")
    found: list[str] = page.evaluate(_CUT)
    return found


def charts(page: Page) -> list[Any]:
    found: list[Any] = page.evaluate(_CHARTS)
    return found


def test_all_charts_have_one_time_axis_for_the_chosen_range_and_mark_the_unfinished_minute(
    page: Page, url: str, local: LocalCloud
) -> None:
    send(local)
    for label, range, seconds, period in (
        ("15 m", "15m", 900, 60),
        ("3 h", "3h", 10_800, 60),
        ("24 h", "24h", 86_400, 300),
        ("1 h", "1h", 3_600, 60),
    ):
        page.get_by_role("button", name=label, exact=True).click()
        expect(page).to_have_url(f"{url}/?range={range}")
        # At the very end of a minute there is none to mark.
        page.wait_for_function(f"({_MARKS})().length >= 4 && ({_MARKS})().every(one => one.length)")
        drawn = charts(page)
        axes = {(one["xAxis"][0]["min"], one["xAxis"][0]["max"]) for one in drawn}
        ((begin, end),) = axes
        assert seconds <= (end - begin) / 1000 <= seconds + 2 * period
        for one in drawn:
            ((mark, until),) = one["series"][0]["markArea"]["data"]
            assert (mark["xAxis"], until["xAxis"]) == (end - period * 1000, end)
    page.reload()
    expect(page.get_by_role("button", name="1 h", exact=True)).to_have_attribute("aria-pressed", "true")


def test_a_paused_page_stays_as_it_is_says_so_and_goes_on_when_it_is_resumed(
    page: Page, local: LocalCloud
) -> None:
    first = send(local)
    expect(page.get_by_role("link", name=first)).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("paused", exact=True)).to_be_visible()
    second = send(local)
    # Another page of the same dashboard polls, and this one could see it.
    with browsers.opened(page.context.browser, page.url) as (other, _):  # type: ignore[arg-type]
        expect(other.get_by_role("link", name=second)).to_be_visible()
    expect(page.get_by_role("link", name=second)).to_be_hidden()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("link", name=second)).to_be_visible()
    expect(page.get_by_text("paused", exact=True)).to_be_hidden()


def test_the_header_says_what_the_worst_tile_says(page: Page, local: LocalCloud) -> None:
    send_bad(local, b'{"customer_id": "12345", "amount": -7}')
    # An alarm, if the records of other tests have set one off.
    expect(page.locator(".q-badge").first).to_have_text(re.compile("^[0-9]+ (quarantined|alarms?)$"))


def test_at_400_pixels_nothing_is_cut_on_any_page_and_it_is_as_light_or_dark_as_the_system(
    browser: Browser, url: str, local: LocalCloud
) -> None:
    # The longest that there can be.
    customer = "c" * 256
    order_id = send(local, order_id=(new_id() * 4)[:128], customer_id=customer, amount="1" * 35 + ".99")
    event = send_bad(local, json.dumps({"customer_id": customer, "amount": "x" * 300}).encode())
    paths = (
        links.live(),
        links.orders(),
        links.order(order_id),
        links.quarantine(),
        links.quarantined(event),
        links.send(),
    )
    with browsers.opened(browser, url, width=400) as (page, _):
        expect(page.get_by_role("link", name=order_id)).to_be_visible()
        dark = "rgb(18, 18, 18)"
        expect(page.locator("body")).not_to_have_css("background-color", dark)
        page.emulate_media(color_scheme="dark")
        expect(page.locator("body")).to_have_css("background-color", dark)
        for name in ("Live", "Orders", "Quarantine", "Send"):
            link = page.get_by_role("navigation").get_by_role("link", name=name)
            expect(link).to_be_in_viewport(ratio=1)
        for path in paths:
            page.goto(url + path)
            expect(page.get_by_role("main").get_by_role("button").first).to_be_visible()
            expect(page.locator(".q-spinner")).to_have_count(0)
            assert cut_in(page) == [], path
        tab(page, "Send")
        page.get_by_role("button", name="Add item").click()
        expect(page.get_by_label("Sku")).to_be_visible()
        assert cut_in(page) == []
