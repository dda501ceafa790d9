"""Pictures of the dashboard for the README, light and dark: a local cloud under traffic, seen by Chromium.

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
from pathlib import Path

from fastapi import FastAPI
from playwright.sync_api import Browser, sync_playwright

from bench.harness import local_cloud, progress
from bench.pages import SCREENSHOTS
from orderstream.api.server import Server
from orderstream.client import OrderProducer
from orderstream.dashboard.app import add_page
from orderstream.errors import OrderstreamError
from orderstream.ingest.samples import samples
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port

WIDTH, HEIGHT = 1440, 1340
# Real orders do not come evenly: a swell of some minutes.
RATE, SWELL, PERIOD_SECONDS = 18.0, 9.0, 420.0


def take_all(minutes: float) -> None:
    """Let orders come for so many minutes, and take the pictures."""
    program = shutil.which("chromium")
    if program is None:
        raise OrderstreamError("there is no chromium here", hint="apt-get install chromium")
    with local_cloud() as cloud, _traffic(cloud), sync_playwright() as playwright:
        app = FastAPI()
        add_page(app, cloud.cloud, cloud.deployment.name)
        with Server(app, free_port()) as server:
            time.sleep(minutes * 60)
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            for scheme, picture in SCREENSHOTS.items():
                _take(browser, server.url, scheme, picture)
                progress(f"{picture.name}: {picture.stat().st_size:,} bytes")
            browser.close()


def _take(browser: Browser, url: str, scheme: str, picture: Path) -> None:
    """A picture of the page in a colour scheme, as soon as it shows orders."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="UTC",
    )
    page = context.new_page()
    page.goto(url)
    page.get_by_role("row").nth(5).wait_for()
    # The charts fit themselves into their cards.
    page.wait_for_timeout(2000)
    page.screenshot(path=picture)
    context.close()


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
