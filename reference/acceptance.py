"""The tables of docs/how-to/acceptance.md: what `orders stack accept` checks, and what no check shows."""

from __future__ import annotations

from orderstream.acceptance.checks import CHECKS, NOT_CHECKED


def checks() -> str:
    """A table of every check, what it shows, and where."""
    lines = ["| Check | What it shows | On the local cloud |", "| --- | --- | --- |"]
    for one in CHECKS:
        there = f"*not shown here*: {one.only_aws}" if one.only_aws else "yes"
        lines.append(f"| `{one.name}` | {one.shows} | {there} |")
    return "\n".join(lines)


def not_checked() -> str:
    """A table of what no check shows."""
    lines = ["| What | Why |", "| --- | --- |"]
    lines += [f"| {what} | {why} |" for what, why in NOT_CHECKED]
    return "\n".join(lines)
