"""Which parts of which page are generated, and by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from orderstream.deploy.artifact import PROJECT
from reference import acceptance, layers

# A part stands between two lines `<!-- NAME -->`.
PAGES: Mapping[Path, Mapping[str, Callable[[], str]]] = {
    PROJECT / "CONTRIBUTING.md": {"layers": layers.diagram, "packages": layers.table},
    PROJECT / "docs/how-to/acceptance.md": {
        "checks": acceptance.checks,
        "not checked": acceptance.not_checked,
    },
}


def generated(page: Path) -> str:
    """The text of a page, its parts generated anew. Raises ValueError if a mark is missing."""
    text = page.read_text()
    for name, make in PAGES[page].items():
        mark = f"<!-- {name} -->"
        before, _, after = text.split(mark)
        text = f"{before}{mark}\n{make()}\n{mark}{after}"
    return text
