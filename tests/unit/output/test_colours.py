"""Colours are for terminals, and for nobody who does not want them."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

COLOUR = re.compile(rb"\x1b\[(\d+;)*(3[0-8]|9[0-7])[;m]")
# An error by us, and one by Typer.
MISTAKES = (["plan", "--size", "800", "--rate", "many"], ["plan", "--nothing"])


def said(arguments: list[str], *, at_terminal: bool, **environment: str) -> bytes:
    """What a command writes to standard error and standard output, at a terminal or into a pipe."""
    reading, writing = pty.openpty() if at_terminal else os.pipe()
    unset = {"NO_COLOR", "FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"}
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run(
        [sys.executable, "-m", "orderstream", *arguments],
        stdout=writing,
        stderr=writing,
        env=kept | {"TERM": "xterm"} | environment,
        check=False,
    )
    assert done.returncode == 2
    os.close(writing)
    found = b""
    try:
        while some := os.read(reading, 10_000):
            found += some
    except OSError:
        # Linux's end of a terminal.
        pass
    os.close(reading)
    return found


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_only_a_terminal_gets_colours_and_only_without_no_color(arguments: list[str]) -> None:
    assert COLOUR.search(said(arguments, at_terminal=True))
    assert not COLOUR.search(said(arguments, at_terminal=True, NO_COLOR="1"))
    assert b"\x1b" not in said(arguments, at_terminal=False)
