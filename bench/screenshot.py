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
from typing import NamedTuple

from fastapi import FastAPI
from playwright.sync_api import Browser, sync_playwright

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
from orderstream.lookup.order_history import order_history
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
    with local_cloud({"Totals": "true"}) as cloud, _traffic(cloud), sync_playwright() as playwright:
        app = FastAPI()
        path = add_page(app, cloud.cloud, cloud.deployment.name)
        with Server(app, free_port()) as server:
            time.sleep(minutes * 60)
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            for (name, page), scheme, (size, width) in product(
                _pages(cloud).items(), ("light", "dark"), WIDTHS.items()
            ):
                # The documentation shows some; the others are to be looked at.
                picture = BUILT_SCREENSHOTS / f"{name}-{scheme}-{size}.png"
                if size == "wide":
                    picture = SCREENSHOTS.get((name, scheme), picture)
                _take(browser, server.url + path + page.path, page.text, scheme, width, picture)
                progress(f"{picture.name}: {picture.stat().st_size:,} bytes")
            browser.close()


class _Page(NamedTuple):
    """A page: its path, and a text that it has once it has its content."""

    path: str
    text: str


def _pages(cloud: LocalCloud) -> dict[str, _Page]:
    """Each page by its name, those of an order and of a record too."""
    order_id = RecentOrders(cloud.deployment).poll()[0]["OrderID"]
    traffic = (item["OrderID"] for item in RecentOrders(cloud.deployment, 500).poll())
    # With every kind of event.
    timeline = max(traffic, key=lambda one: len(order_history(cloud.deployment, one).events))
    _send_odd_events(cloud, timeline)
    record = next(list_quarantined(cloud.deployment))
    return {
        "live": _Page(links.live(), "duplicates are harmless"),
        "orders": _Page(links.orders(), "Looked back to"),
        "order": _Page(links.order(order_id), "Everything that happened"),
        "timeline": _Page(links.order(timeline), "may not follow"),
        "waiting": _Page(links.waiting(), "A-1001"),
        "totals": _Page(links.totals(), "EUR"),
        "quarantine": _Page(links.quarantine(), "records"),
        "record": _Page(links.quarantined(record.line.event_id), "The order, as it will be sent"),
        "send": _Page(links.send(), "What is sent"),
    }


def _send_odd_events(cloud: LocalCloud, order_id: str) -> None:
    """Events that an order may not have, one that is sent twice, and one of an order that has not arrived."""
    events: list[dict[str, object]] = [
        {"order_id": order_id, "event": "packed", "event_id": "odd-1"},
        {"order_id": order_id, "event": "refunded", "amount": "1000000.00", "event_id": "odd-2"},
        {"order_id": "A-1001", "event": "paid", "amount": "19.90", "seq": 1, "method": "card"},
    ]
    with OrderProducer(cloud.deployment.stream, cloud.cloud.kinesis_no_retry) as producer:
        for event in (*events, *events[:1]):
            producer.send(event)


def _take(browser: Browser, url: str, text: str, scheme: str, width: int, picture: Path) -> None:
    """A picture of the whole page in a color scheme, as soon as it shows the text."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="Europe/Berlin",
    )
    page = context.new_page()
    page.goto(url)
    page.get_by_role("main").get_by_text(text).first.wait_for()
    # The charts fit themselves into their cards.
    page.wait_for_timeout(3000)
    page.screenshot(path=picture, full_page=True)
    context.close()


@contextmanager
def _traffic(cloud: LocalCloud) -> Iterator[None]:
    """Sample orders at a rate that swells, some of them bad, some sent twice, until the block ends."""
    stop = threading.Event()

    def send() -> None:
        begun = time.monotonic()
        with OrderProducer(cloud.deployment.stream, cloud.cloud.kinesis_no_retry) as producer:
            for sample in samples(1, bad_share=0.01, duplicate_share=0.02, lives=True):
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
