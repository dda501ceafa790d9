"""Writes Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; `|` and line breaks within a cell are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def code(text: object) -> str:
    """The text as code, "" if there is none."""
    return f"`{text}`" if f"{text}" else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
