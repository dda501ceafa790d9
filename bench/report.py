"""The results: kept as JSON, and published as Markdown tables on the pages of the documentation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# Of all benchmarks, by their names.
Results = dict[str, dict[str, Any]]
# Name, measured figure, sign (≥ or ≤) and bound, and the form of both figures.
Target = tuple[str, float, str, float, str]


def table(title: str, heading: str, template: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """A Markdown table below its title. `template` is formatted with each row.

    All columns but the first are aligned to the right.
    """
    rule = f"| --- |{' ---: |' * (heading.count('|') - 2)}"
    lines = [f"**{title}**", "", heading, rule, *(template.format_map(row) for row in rows)]
    return "\n".join(lines if title else lines[2:])


def targets(rows: Iterable[Target]) -> str:
    """A table of targets."""
    cells = []
    for name, measured, sign, bound, form in rows:
        is_met = measured >= bound if sign == "≥" else measured <= bound
        figures = {"name": name, "measured": form.format(measured), "bound": f"{sign} {form.format(bound)}"}
        cells.append(figures | {"met": "met" if is_met else "missed"})
    heading, template = "| what | measured | target | |", "| {name} | {measured} | {bound} | {met} |"
    return table("Targets", heading, template, cells)


def environment_line(environment: Mapping[str, Any]) -> str:
    """What `harness.environment` found, in one line."""
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    line = "{processor}, {processors} processors; Python {python}, {libraries}; {date}"
    return line.format_map({**environment, "libraries": versions})


def with_section(page: str, name: str, blocks: Iterable[str]) -> str:
    """The text of a page, with the blocks between its two marks `<!-- name -->`."""
    mark = f"<!-- {name} -->"
    before, _, after = page.split(mark)
    section = "\n\n".join([mark, *blocks, mark])
    return f"{before}{section}{after}"


def load(file: Path) -> Results:
    """The results in the file."""
    found: Results = json.loads(file.read_text())
    return found


def save(file: Path, results: Results) -> None:
    """Write the results into the file."""
    file.write_text(json.dumps(results, indent=1) + "\n")
