"""The documentation builds as a site without a warning, and its pages, search and diagrams work from disk."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect
from reference import PROJECT

from tests.integration.dashboard.browser import chromium

pytestmark = pytest.mark.system

# Of an environment of its own, as checkov.
MKDOCS = Path(sys.executable).parents[1] / "docs" / "bin" / "mkdocs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it. Broken links and anchors fail the build."""
    assert MKDOCS.exists(), "mkdocs is not there: make .venv/docs/ready"
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [str(MKDOCS), "build", "--strict", "--site-dir", str(folder)],
        cwd=PROJECT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_in_the_site(site: Path) -> None:
    pages = {page.relative_to(PROJECT / "docs").with_suffix("") for page in (PROJECT / "docs").rglob("*.md")}
    built = {page.relative_to(site).with_suffix("") for page in site.rglob("*.html")}
    assert pages == built - {Path("404")}


def test_no_page_loads_anything_from_another_server(site: Path) -> None:
    tags = re.compile(r"<(?:script|link|img|iframe|source)[^>]*?(?:src|href)=\"([^\"]+)")
    for page in site.rglob("*.html"):
        loaded = tags.findall(page.read_text())
        assert loaded and [url for url in loaded if re.match(r"(https?:)?//", url)] == []


def test_search_and_diagrams_work_from_disk_and_without_a_network(site: Path) -> None:
    with chromium() as browser:
        page = browser.new_context(offline=True).new_page()
        foreign: list[str] = []
        errors: list[str] = []
        page.on("request", lambda one: foreign.append(one.url) if one.url.startswith("http") else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"file://{site}/explanation/design.html")
        # Material replaces the text of a diagram with the diagram.
        expect(page.locator("pre.mermaid")).to_have_count(0)
        box = page.locator("div.mermaid").first.bounding_box()
        assert box and box["height"] > 100
        page.locator(".md-search__input").click()
        page.keyboard.type("fingerprint")
        page.locator(".md-search-result__link", has_text="Order identity").first.click()
        expect(page).to_have_url(re.compile(r"explanation/design\.html\?h=.*#order-identity$"))
        assert (foreign, errors) == ([], [])
