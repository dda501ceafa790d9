"""Prints the guides, which are part of the package: as pages at a terminal, and as Markdown elsewhere."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from rich.markdown import Markdown
from rich.table import Column

from orderstream.errors import NotFoundError
from orderstream.output.console import out
from orderstream.output.terminal import SafeTable, write_bytes

# Longer lines are hard to read.
_WIDEST = 100
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]*)\)")
_GUIDES = Path(__file__).with_name("guides")


def topics() -> list[str]:
    """The names of the guides."""
    return sorted(file.stem for file in _GUIDES.glob("*.md"))


def print_topics() -> None:
    """Print the names of the guides with their titles."""
    table = SafeTable(Column("topic", no_wrap=True), "guide")
    for name in topics():
        table.add_row(name, _text(name).partition("\n")[0].removeprefix("# "))
    out.print(table)


def print_guide(name: str) -> None:
    """Print a guide. Raises NotFoundError, with similar names, if there is none."""
    text = _text(name)
    if not out.is_terminal:
        write_bytes(text.encode())
        return
    page = Markdown(_LINK.sub(_target, text), hyperlinks=False)
    # Wrapped by us, between words.
    out.print(page, soft_wrap=False, width=min(out.width, _WIDEST))


def _text(name: str) -> str:
    known = topics()
    if name not in known:
        near = difflib.get_close_matches(name, known) or [one for one in known if name in one]
        hint = f"did you mean {' or '.join(near)}?" if near else "orders docs lists all"
        raise NotFoundError(f"there is no guide {name}", hint=hint)
    return (_GUIDES / f"{name}.md").read_text(encoding="utf-8")


def _target(link: re.Match[str]) -> str:
    """A link as text: a page of the web with its address, a guide with its command, others without."""
    text, target = link.groups()
    if target.startswith("https://"):
        return f"{text} ({target})"
    file = Path(target.partition("#")[0])
    name = "tutorial" if file.parent.name == "tutorial" else file.stem
    if target.startswith("#") or "reference" in file.parts or "explanation" in file.parts:
        return text
    return f"{text} (`orders docs {name}`)" if name in topics() else text
