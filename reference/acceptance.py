"""The tables of docs/how-to/acceptance.md: what `orders stack accept` checks, and what no check shows."""

from __future__ import annotations

from orderstream.acceptance.checks import CHECKS, NOT_CHECKED
from reference.markdown import code, table


def checks() -> str:
    """A table of every check, what it shows, and where."""
    rows = [
        (code(one.name), one.shows, f"*not shown here*: {one.only_aws}" if one.only_aws else "yes")
        for one in CHECKS
    ]
    return table(("Check", "What it shows", "On the local cloud"), rows)


def not_checked() -> str:
    """A table of what no check shows."""
    return table(("What", "Why"), NOT_CHECKED)
