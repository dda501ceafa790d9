"""A browser, and the dashboard of the local cloud in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from orderstream.local.cloud import LocalCloud
from tests.integration.dashboard import browser as browsers


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsers.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def url(local: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard, without a slash at its end."""
    with browsers.dashboard(local.environment, tmp_path_factory.mktemp("dashboard")) as url:
        yield url


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """The dashboard, open in the browser."""
    with browsers.opened(browser, url) as (page, _):
        yield page
