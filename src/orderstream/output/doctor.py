"""Prints what `orders doctor` found, for people and programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text

from orderstream.output.console import out, print_json

if TYPE_CHECKING:
    from orderstream.doctor.checklist import Diagnosis

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "not checked": "dim"}


def print_diagnoses(found: Iterable[Diagnosis], *, as_json: bool) -> bool:
    """Print each diagnosis in a line, as it comes; return whether one is that something failed."""
    failed = False
    for one in found:
        failed = failed or one.state == "failed"
        if as_json:
            print_json(one)
            continue
        hint = Text.assemble("  ", ("hint:", "cyan"), f" {_line(one.hint)}") if one.hint else Text()
        state = (f"{one.state:<11}", _COLOURS[one.state])
        out.print(Text.assemble(state, f"  {one.name}: {_line(one.detail)}", hint))
    return failed


def _line(text: str) -> str:
    return " ".join(text.split())
