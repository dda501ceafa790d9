"""Reads the runbook section for an alarm."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path


def page_of(link: str) -> str:
    """The section, as Markdown, that an alarm's link points to by its `#heading`, "" if there is none."""
    return _pages().get(link.rpartition("#")[2], "")


@cache
def _pages() -> dict[str, str]:
    runbook = Path(__file__).with_name("runbook.md")
    _, *parts = re.split(r"^## (.+)\n", runbook.read_text(), flags=re.MULTILINE)
    # Links are removed, since their targets are not served here.
    texts = (re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text).strip() for text in parts[1::2])
    return dict(zip(parts[0::2], texts, strict=True))
