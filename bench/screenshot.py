"""Pictures of the live page for the README, light and dark: a local cloud under traffic, seen by Chromium.

    python -m bench.screenshot [--minutes 12]

Debian's Chromium takes them (apt-get install chromium).
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI
from playwright.sync_api import Browser, sync_playwright

from orderstream.api.server import Server
from orderstream.client import OrderProducer
from orderstream.dashboard.app import add_page
from orderstream.deploy.artifact import PROJECT
from orderstream.ingest.samples import samples
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port

PICTURES = {"light": PROJECT / "docs" / "live-light.png", "dark": PROJECT / "docs" / "live-dark.png"}
WIDTH, HEIGHT = 1440, 1340
# Nobody's orders come evenly: a swell of some minutes.
RATE, SWELL, PERIOD_SECONDS = 18.0, 9.0, 420.0


def main(arguments: list[str]) -> int:
    """Let orders come for some minutes, take the pictures, say where they are."""
    parser = argparse.ArgumentParser(prog="python -m bench.screenshot", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=12)
    minutes: float = parser.parse_args(arguments).minutes
    program = shutil.which("chromium")
    if program is None:
        print("there is no chromium here: apt-get install chromium", file=sys.stderr)
        return 1
    with (
        LocalCloud(port=free_port(), progress=lambda step: None, problem=print) as laptop,
        traffic(laptop),
        sync_playwright() as playwright,
    ):
        app = FastAPI()
        add_page(app, laptop.cloud, laptop.deployment.name)
        with Server(app, free_port()) as server:
            time.sleep(minutes * 60)
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            for scheme, picture in PICTURES.items():
                take(browser, server.url, scheme, picture)
                print(f"{picture.relative_to(PROJECT)}: {picture.stat().st_size:,} bytes")
            browser.close()
    return 0


def take(browser: Browser, url: str, scheme: str, picture: Path) -> None:
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
def traffic(laptop: LocalCloud) -> Iterator[None]:
    """Sample orders at a rate that swells, some of them bad, some sent twice, until the block ends."""
    stop = threading.Event()

    def send() -> None:
        begun = time.monotonic()
        with OrderProducer(laptop.deployment.stream, laptop.cloud.kinesis_no_retry) as producer:
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
