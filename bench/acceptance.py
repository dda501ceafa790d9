"""The tables of docs/acceptance.md, made of the list of checks: `python -m bench.acceptance --write`."""

from __future__ import annotations

import argparse

from orderstream.acceptance.checks import CHECKS, NOT_CHECKED
from orderstream.ops.artifact import PROJECT

PAGE = PROJECT / "docs" / "acceptance.md"


def checks() -> str:
    """Every check, what it shows, and where."""
    lines = ["", "| Check | What it shows | On a laptop |", "| --- | --- | --- |"]
    for one in CHECKS:
        there = f"*not shown here*: {one.only_aws}" if one.only_aws else "too"
        lines.append(f"| `{one.name}` | {one.shows} | {there} |")
    return "\n".join([*lines, ""])


def not_checked() -> str:
    """What no check shows."""
    lines = ["", "| What | Why |", "| --- | --- |"]
    lines += [f"| {what} | {why} |" for what, why in NOT_CHECKED]
    return "\n".join([*lines, ""])


def page(text: str) -> str:
    """The page with what is between its marks made anew."""
    for name, made in (("checks", checks()), ("not checked", not_checked())):
        mark = f"<!-- {name} -->"
        before, _, after = text.split(mark)
        text = f"{before}{mark}{made}{mark}{after}"
    return text


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/acceptance.md")
    made = page(PAGE.read_text())
    if parser.parse_args().write:
        PAGE.write_text(made)
    else:
        print(made)


if __name__ == "__main__":
    main()
