"""Pictures of the dashboard, light and dark, wide and narrow: a local cloud under traffic, seen by Chromium.

Debian's Chromium takes them (apt-get install chromium).
"""

from __future__ import annotations

import math
import random
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright

from bench.harness import local_cloud, progress
from bench.pages import BUILT_SCREENSHOTS, SCREENSHOTS
from orderstream.api.server import Server
from orderstream.client import OrderProducer
from orderstream.dashboard import links
from orderstream.dashboard.app import add_page
from orderstream.errors import OrderstreamError
from orderstream.ingest.samples import samples
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port
from orderstream.lookup.recent_orders import RecentOrders
from orderstream.recovery.quarantine import list_quarantined

WIDTHS = {"wide": 1280, "narrow": 400}
HEIGHT = 1000
# Real orders do not come evenly: a swell of some minutes.
RATE, SWELL, PERIOD_SECONDS = 18.0, 9.0, 420.0


def take_all(minutes: float) -> None:
    """Let orders come for so many minutes, and take the pictures."""
    program = shutil.which("chromium")
    if program is None:
        raise OrderstreamError("there is no chromium here", hint="apt-get install chromium")
    BUILT_SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with local_cloud() as cloud, _traffic(cloud), sync_playwright() as playwright:
        app = FastAPI()
        path = add_page(app, cloud.cloud, cloud.deployment.name)
        with Server(app, free_port()) as server:
            time.sleep(minutes * 60)
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            for (name, page), scheme, (size, width) in product(
                _pages(cloud).items(), ("light", "dark"), WIDTHS.items()
            ):
                # The documentation shows the live page; the others are to be looked at.
                usual = BUILT_SCREENSHOTS / f"{name}-{scheme}-{size}.png"
                picture = SCREENSHOTS[scheme] if (name, size) == ("live", "wide") else usual
                _take(browser, server.url + path + page, scheme, width, picture)
                progress(f"{picture.name}: {picture.stat().st_size:,} bytes")
            browser.close()


def _pages(cloud: LocalCloud) -> dict[str, str]:
    """The path of each page by its name, those of an order and of a record too."""
    order_id = RecentOrders(cloud.deployment).poll()[0]["OrderID"]
    record = next(list_quarantined(cloud.deployment))
    return {
        "live": links.live(),
        "orders": links.orders(),
        "order": links.order(order_id),
        "quarantine": links.quarantine(),
        "record": links.quarantined(record.line.event_id),
        "send": links.send(),
    }


def _take(browser: Browser, url: str, scheme: str, width: int, picture: Path) -> None:
    """A picture of the whole page in a color scheme, as soon as it shows its content."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="Europe/Berlin",
    )
    page = context.new_page()
    page.goto(url)
    _await_content(page)
    page.screenshot(path=picture, full_page=True)
    context.close()


def _await_content(page: Page) -> None:
    page.get_by_role("main").get_by_role("button").first.wait_for()
    page.locator(".q-spinner").first.wait_for(state="detached")
    # The charts fit themselves into their cards.
    page.wait_for_timeout(3000)


@contextmanager
def _traffic(cloud: LocalCloud) -> Iterator[None]:
    """Sample orders at a rate that swells, some of them bad, some sent twice, until the block ends."""
    stop = threading.Event()

    def send() -> None:
        begun = time.monotonic()
        with OrderProducer(cloud.deployment.stream, cloud.cloud.kinesis_no_retry) as producer:
            for sample in samples(1, bad_share=0.01, duplicate_share=0.02):
                swell = math.sin((time.monotonic() - begun) / PERIOD_SECONDS * 2 * math.pi)
                if stop.wait(random.expovariate(RATE + SWELL * swell)):
                    return
                producer.send_bytes(sample.data, partition_key=sample.partition_key)

    thread = threading.Thread(target=send, name="traffic")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
