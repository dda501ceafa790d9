"""The runbook's page for an alarm, out of the checkout that this runs from."""

from __future__ import annotations

import re
from functools import cache

from orderstream.deploy.artifact import PROJECT


def page_of(link: str) -> str:
    """The page as Markdown that an alarm's link leads to by its `#heading`, "" where there is none."""
    return _pages().get(link.rpartition("#")[2], "")


@cache
def _pages() -> dict[str, str]:
    runbook = PROJECT / "docs" / "runbook.md"
    if not runbook.is_file():
        return {}
    _, *parts = re.split(r"^## (.+)\n", runbook.read_text(), flags=re.MULTILINE)
    # What a link in it leads to is not served here.
    texts = (re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text).strip() for text in parts[1::2])
    return dict(zip(parts[0::2], texts, strict=True))
