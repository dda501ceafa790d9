"""Debian's Chromium, and `orders stack dashboard` in a process of its own to look at with it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from orderstream.local.ministack import free_port
from tests.integration.conftest import awaited
from tests.integration.up import ORDERS

# Whoever sets it would rather fail than go without: `.ci/run` does.
REQUIRED = "ORDERS_CHROMIUM_REQUIRED"
# As far from UTC as it shows: the day is another one for most of the hours.
ZONE = "Pacific/Auckland"

# What NiceGUI tells the console when a page is left before its charts are drawn.
LEFT_EARLY = "Cannot read properties of undefined (reading 'dispose')"
# What Chromium tells it when the server is gone.
LOST = ["ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "WebSocket connection"]

expect.set_options(timeout=20_000)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window; where there is none, the test is skipped, or fails if one is required."""
    program = shutil.which("chromium")
    if program is None:
        message = "NOT TESTED IN A BROWSER: there is no chromium here (apt-get install chromium)"
        if os.environ.get(REQUIRED):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def dashboard(aws: dict[str, str], folder: Path, port: int | None = None) -> Iterator[str]:
    """`orders stack dashboard` for the cloud that the variables in `aws` select; gives the page's address."""
    port = port or free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= aws
    log = folder / f"dashboard-{port}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*ORDERS, "stack", "dashboard", "--http-port", str(port)],
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        awaited(lambda: "ready" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield log.read_text().split()[-1]
    finally:
        process.terminate()
        assert process.wait(20) == 0, log.read_text()
    # NiceGUI's warning of an element that is used after the page was left.
    for unwanted in ("Traceback", "has been deleted"):
        assert unwanted not in log.read_text(), log.read_text()


@dataclass
class Errors:
    """What a page told its console, or threw; `expected` are parts of what may be told."""

    seen: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)


@contextmanager
def opened(browser: Browser, url: str, *, width: int = 1280) -> Iterator[tuple[Page, Errors]]:
    """The page; fails at the end if there was an error in its console."""
    errors = Errors(expected=[LEFT_EARLY])
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        timezone_id=ZONE,
        color_scheme="light",
    )
    page = context.new_page()
    page.on("console", lambda said: errors.seen.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.seen.append(str(error)))
    page.goto(url)
    yield page, errors
    context.close()
    unexpected = [one for one in errors.seen if not any(part in one for part in errors.expected)]
    assert unexpected == [], unexpected
